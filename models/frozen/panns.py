"""PANNs' Cnn14 with decision level attention or maximum (Kong et al. 2020), weights by path: 2,048 numbers for 5 s."""

from __future__ import annotations

from pathlib import Path

from labeling.errors import ConfigError
from labeling.workspace import Workspace
from models.config import FeatureConfig
from models.frozen.contract import sha256_of
from models.frozen.torch_models import MelModel
from models.frozen.trained import listener
from models.inputs.features import FrontEnd
from models.networks.checkpoints import load_foreign
from models.networks.panns import Cnn14DecisionLevelAtt, Cnn14DecisionLevelMax, load_released
from models.runfolder.provenance import pick_device

WINDOW_S = 5.0
LICENCE = "CC BY 4.0 (PANNs)"
RELEASED = FeatureConfig(
    sample_rate=32000, n_fft=1024, hop_length=320, n_mels=64, fmin_hz=50, fmax_hz=14000, top_db=None,
    pad_mode="reflect", standardize="none",
)  # fmt: skip


def load(workspace: Workspace, what: str, device: str) -> MelModel:
    """The weights in the file ``what``. Raises ConfigError where they are not those of a Cnn14.

    Its probabilities are left out: the file does not name its classes.
    """
    weights = load_foreign(what)
    kinds = {"att_block.att.weight": Cnn14DecisionLevelAtt, "fc_audioset.weight": Cnn14DecisionLevelMax}
    last = next((name for name in kinds if name in weights), None)
    if last is None:
        raise ConfigError(
            f"{what} is neither Cnn14_DecisionLevelAtt nor Cnn14_DecisionLevelMax: it lacks {' and '.join(kinds)}"
        )
    network = kinds[last](weights[last].shape[0], RELEASED.n_mels)
    load_released(network, weights, RELEASED, what)
    place = pick_device(device)
    listen = listener(network.to(place).eval(), what)
    return MelModel(
        FrontEnd(RELEASED), lambda planes: (listen(planes)[0], None), place, window_s=WINDOW_S, licence=LICENCE,
        weights_sha256=sha256_of(Path(what).expanduser()),
    )  # fmt: skip
