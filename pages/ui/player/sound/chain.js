// What the sound passes on its way out: band-pass, gain, limiter, and an end that nothing can exceed.

/** @import { HeardBand } from "../types" */

const BAND_SECTIONS = 4; // eighth order, Butterworth: 48 dB an octave, flat within
const NARROWEST_BAND_HZ = 20;
const LIMIT_DB = -1;
const LIMIT_RATIO = 20;
const FULL_SCALE = 0.98;
const GLIDE_S = 0.003; // time constant: a change is over after about 10 ms, and nothing clicks

/** @param {number} db */
function fromDb(db) {
  return 10 ** (db / 20);
}

/** @param {AudioParam} param @param {number} value @param {BaseAudioContext} context */
function glideTo(param, value, context) {
  param.cancelScheduledValues(context.currentTime);
  param.setTargetAtTime(value, context.currentTime, GLIDE_S);
}

// input -> output, straight or by way of the nodes first ... last; take(on) fades from one way to the other.
/** @param {BaseAudioContext} context @param {AudioNode} first @param {AudioNode} last @param {boolean} on */
function buildDetour(context, first, last, on) {
  const [input, straight, around, output] = [0, 1, 2, 3].map(() => context.createGain());
  straight.gain.value = on ? 0 : 1;
  around.gain.value = on ? 1 : 0;
  input.connect(straight).connect(output);
  input.connect(first);
  last.connect(around).connect(output);
  const take = (/** @type {boolean} */ wanted) => {
    glideTo(straight.gain, wanted ? 0 : 1, context);
    glideTo(around.gain, wanted ? 1 : 0, context);
  };
  return { input, output, take };
}

// A cascade of second-order sections with a Butterworth response; `type` is "lowpass" or "highpass".
/** @param {BaseAudioContext} context @param {BiquadFilterType} type */
function buildCascade(context, type) {
  const sections = [];
  for (let index = 0; index < BAND_SECTIONS; index += 1) {
    const section = context.createBiquadFilter();
    section.type = type;
    const q = 1 / (2 * Math.cos(((2 * index + 1) * Math.PI) / (4 * BAND_SECTIONS)));
    section.Q.value = 20 * Math.log10(q); // Web Audio has this Q in decibels
    if (index) sections[index - 1].connect(section);
    sections.push(section);
  }
  return { first: sections[0], last: sections[sections.length - 1], sections };
}

// Cut-off frequencies [low, high] of a band {low_hz, high_hz}; a bound that is null is open.
/** @param {HeardBand | null} band @param {number} nyquist */
function cutOffs(band, nyquist) {
  const low = Math.min(nyquist, Math.max(0, band?.low_hz ?? 0));
  return [low, Math.min(nyquist, Math.max(low + NARROWEST_BAND_HZ, band?.high_hz ?? nyquist))];
}

// input -> the band, or all where it is null -> output.
/** @param {BaseAudioContext} context @param {HeardBand | null} [band] */
export function buildBand(context, band = null) {
  const cascades = [buildCascade(context, "highpass"), buildCascade(context, "lowpass")];
  const [highpass, lowpass] = cascades;
  highpass.last.connect(lowpass.first);
  const { input, output, take } = buildDetour(context, highpass.first, lowpass.last, Boolean(band));
  const cut = (/** @type {(param: AudioParam, value: number) => void} */ change) => cascades.forEach(({ sections }, side) => {
    for (const { frequency } of sections) change(frequency, cutOffs(band, context.sampleRate / 2)[side]);
  });
  const jumpTo = (/** @type {AudioParam} */ param, /** @type {number} */ value) => Object.assign(param, { value });
  cut(jumpTo);
  const setBand = (/** @type {HeardBand | null} */ next) => {
    const on = Boolean(band);
    band = next;
    if (band) cut(on ? (/** @type {AudioParam} */ param, /** @type {number} */ value) => glideTo(param, value, context) : jumpTo);
    take(Boolean(band));
  };
  return { input, output, setBand };
}

// Takes down what comes near full scale. It opens over its first tenth of a second, so it runs before it is needed.
/** @param {BaseAudioContext} context */
function buildLimiter(context) {
  const limiter = context.createDynamicsCompressor();
  limiter.threshold.value = LIMIT_DB;
  limiter.knee.value = 0;
  limiter.ratio.value = LIMIT_RATIO;
  limiter.attack.value = 0.001;
  limiter.release.value = 0.1;
  const trim = context.createGain(); // Web Audio's compressor makes up 0.6 of what it takes from full scale: undo that
  trim.gain.value = fromDb(0.6 * LIMIT_DB * (1 - 1 / LIMIT_RATIO));
  limiter.connect(trim);
  return buildDetour(context, limiter, trim, false);
}

// Linear up to 0.9, then bent to FULL_SCALE; what comes in beyond full scale stays there. Not oversampled: the filters
// of oversampling overshoot, and this is the last thing before the ears.
function ceilingCurve() {
  const curve = new Float32Array(8193);
  const [knee, room] = [0.9, FULL_SCALE - 0.9];
  for (let index = 0; index < curve.length; index += 1) {
    const x = (index / (curve.length - 1)) * 2 - 1;
    const over = Math.max(0, Math.abs(x) - knee) / room;
    const bent = over ? knee + room * Math.tanh(over) : Math.abs(x);
    curve[index] = Math.sign(x) * bent;
  }
  return curve;
}

// The whole chain on any BaseAudioContext: connect a source to `input`; `output` goes to the destination.
/** @param {BaseAudioContext} context */
export function buildSoundChain(context) {
  const band = buildBand(context);
  const gain = context.createGain();
  const limiter = buildLimiter(context);
  const ceiling = context.createWaveShaper();
  ceiling.curve = ceilingCurve();
  band.output.connect(gain).connect(limiter.input);
  limiter.output.connect(ceiling);
  const setGain = (/** @type {number} */ gainDb) => {
    limiter.take(gainDb > 0);
    glideTo(gain.gain, fromDb(gainDb), context);
  };
  return { input: band.input, output: ceiling, setBand: band.setBand, setGain };
}
