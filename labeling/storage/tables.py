"""The tables: what is stored, by column. How they are opened and written is in ``database.py``."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("audio_root", sa.Text, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("table_bytes", sa.LargeBinary, nullable=False),  # zlib: the export starts from what came in
    sa.Column("report", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False, server_default=""),  # what people call the table: train_curated, 2022
    sa.Column("collection", sa.Text, nullable=False, server_default=""),
)

classes = sa.Table(
    "classes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("code", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("added_by", sa.Text, nullable=False, server_default=""),  # "" for one that came with an import
)

clips = sa.Table(
    "clips",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("import_id", sa.ForeignKey("imports.id"), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("filename", sa.Text, nullable=False, unique=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("group_name", sa.Text, nullable=False),
    sa.Column("fold_name", sa.Text, nullable=False),
    sa.Column("duration_s", sa.Float, nullable=False),
    sa.Column("sample_rate", sa.Integer, nullable=False),
    sa.Column("channels", sa.Integer, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("rating", sa.Float),  # lifted out of the metadata: every queue filters by it
    sa.Column("metadata", sa.JSON, nullable=False),
    # who it is, wherever its file lies: what its collection calls it, and a hash of some of its bytes
    sa.Column("collection", sa.Text, nullable=False, server_default=""),
    sa.Column("relative", sa.Text, nullable=False, server_default=""),
    sa.Column("fingerprint", sa.Text, nullable=False, server_default=""),
    sa.Column("import_name", sa.Text, nullable=False, server_default=""),  # of the table that brought it
    sa.Column("channel", sa.Integer, nullable=False, server_default="0"),  # that is seen and heard; 0 is the mix
    # whether only some classes were listened for: those that it is labelled with, and its stated absences
    sa.Column("partial", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("clips_content_hash", "content_hash"),
)

# which clips an import's table names, and how: the export finds its rows by these
import_clips = sa.Table(
    "import_clips",
    metadata,
    sa.Column("import_id", sa.ForeignKey("imports.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("clip_id", sa.ForeignKey("clips.id"), nullable=False),
)

imported_labels = sa.Table(
    "imported_labels",
    metadata,
    sa.Column("clip_id", sa.ForeignKey("clips.id"), primary_key=True),
    sa.Column("class_id", sa.ForeignKey("classes.id"), primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),  # order in which the row lists them
    sa.Column("who", sa.Text, nullable=False, server_default=""),  # says so, where the collection names somebody
    sa.Column("confidence", sa.Float),
)

# classes that the table of a partial clip says are not there
stated_absences = sa.Table(
    "stated_absences",
    metadata,
    sa.Column("clip_id", sa.ForeignKey("clips.id"), primary_key=True),
    sa.Column("class_id", sa.ForeignKey("classes.id"), primary_key=True),
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("event_id", sa.Text, nullable=False, unique=True),
    sa.Column("batch_id", sa.Text, nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("clip_id", sa.ForeignKey("clips.id"), nullable=False),
    sa.Column("class_id", sa.ForeignKey("classes.id"), nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("onset_s", sa.Float),
    sa.Column("offset_s", sa.Float),
    sa.Column("low_hz", sa.Float),
    sa.Column("high_hz", sa.Float),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("shown", sa.JSON, nullable=False),
    sa.Column("seen_position", sa.Integer),
    sa.Column("undoes", sa.Integer),
    sa.Column("copy_of", sa.Integer),  # the entry that this one repeats for a copy of its clip
    sa.CheckConstraint("verdict in ('present', 'absent', 'unsure', 'undo')", name="decisions_verdict"),
    sa.CheckConstraint("(verdict = 'undo') = (undoes is not null)", name="decisions_undo"),
    sa.Index("decisions_cell", "clip_id", "class_id"),
    sa.Index("decisions_reviewer", "reviewer", "position"),
    sa.Index("decisions_batch", "batch_id"),
    sa.Index("decisions_copy_of", "copy_of"),
    sqlite_autoincrement=True,
)

# what the journal makes of each decided cell at its end; derived, so that the queue need not fold
cells = sa.Table(
    "cells",
    metadata,
    sa.Column("clip_id", sa.ForeignKey("clips.id"), primary_key=True),
    sa.Column("class_id", sa.ForeignKey("classes.id"), primary_key=True),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
)

# cells of which two sources say unlike things: suspects without a model. Derived, but for those of a later table
contested_cells = sa.Table(
    "contested_cells",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("clip_id", sa.ForeignKey("clips.id"), nullable=False),
    sa.Column("class_id", sa.ForeignKey("classes.id"), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("other_clip_id", sa.ForeignKey("clips.id")),
    sa.Column("import_id", sa.ForeignKey("imports.id")),
    sa.CheckConstraint("reason in ('table', 'file', 'sound')", name="contested_cells_reason"),
    sa.Index("contested_cells_clip", "clip_id"),
    sqlite_autoincrement=True,
)

label_versions = sa.Table(
    "label_versions",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("import_id", sa.Integer, nullable=False),  # clips imported later are not in this version
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False, server_default="latest"),
    sa.Column("weights", sa.JSON, nullable=False, server_default="{}"),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("recipe", sa.Text, nullable=False),
    sa.Column("label_version", sa.ForeignKey("label_versions.number")),  # none of a job that needs no labels
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("folds", sa.Integer),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("started_at", sa.Text, nullable=False),
    sa.Column("ended_at", sa.Text, nullable=False),
    sa.Column("heartbeat_at", sa.Text, nullable=False),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("stop_requested", sa.Boolean, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("progress", sa.JSON, nullable=False),
    sa.Column("metrics", sa.JSON, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, server_default="training"),
    sa.Column("request", sa.JSON, nullable=False, server_default="{}"),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("heartbeat_at", sa.Text, nullable=False),
)

# one row holds a whole ranking, as columns: a million suspects are written and read at once, and filtered in memory
rankings = sa.Table(
    "rankings",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("scorer", sa.Text, primary_key=True),
    sa.Column("scored_at", sa.Text, nullable=False),
    sa.Column("suspects", sa.Integer, nullable=False),
    sa.Column("columns", sa.LargeBinary, nullable=False),
)

# what reviewers leave on a clip beside decisions; an entry that takes one back names it, and nothing is changed
marks = sa.Table(
    "marks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("event_id", sa.Text, nullable=False, unique=True),
    sa.Column("clip_id", sa.ForeignKey("clips.id"), nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("removes", sa.ForeignKey("marks.id")),
    sa.Column("after_position", sa.Integer),  # the journal's end when it was left; null for those of before
    sa.Column("reply_to", sa.ForeignKey("marks.id")),  # the note that a note answers
    sa.CheckConstraint("kind in ('note', 'flag', 'later', 'skip')", name="marks_kind"),
    sa.Index("marks_clip", "clip_id"),
    sa.Index("marks_removes", "removes"),
    sa.Index("marks_kind_reviewer", "kind", "reviewer"),
    sqlite_autoincrement=True,
)

# how a reviewer likes it; the value is JSON as text, so that every sign comes back as it went in
preferences = sa.Table(
    "preferences",
    metadata,
    sa.Column("reviewer", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("changed_at", sa.Text, nullable=False),
)

# filters of the queue that a reviewer keeps under a name; ``params`` as the queue's URL has them
saved_views = sa.Table(
    "saved_views",
    metadata,
    sa.Column("reviewer", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("changed_at", sa.Text, nullable=False),
    sa.Index("saved_views_shared", "shared"),
)

# who may come in, and as what; "*" is everybody else whom a provider or a proxy lets in
users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("password", sa.Text, nullable=False),  # Argon2's text of it; "" for one who signs in elsewhere
    sa.Column("created_at", sa.Text, nullable=False),
    sa.CheckConstraint("role in ('nobody', 'viewer', 'reviewer', 'adjudicator', 'owner')", name="users_role"),
)

# sign-ins with a password, and those elsewhere that have ended; by a hash of what the browser keeps
sign_ins = sa.Table(
    "sign_ins",
    metadata,
    sa.Column("fingerprint", sa.Text, primary_key=True),
    sa.Column("user_name", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Text, nullable=False),
    sa.Column("ended", sa.Boolean, nullable=False),
    sa.Index("sign_ins_user_name", "user_name"),
)

# tokens by which scripts come in as a user, by a hash of each
api_tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("fingerprint", sa.Text, nullable=False, unique=True),
    sa.Column("user_name", sa.ForeignKey("users.name"), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

# wrong passwords of the last minutes
wrong_passwords = sa.Table(
    "wrong_passwords",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("wrong_passwords_at", "at"),
    sqlite_autoincrement=True,
)

# how many independent looks a cell of a kind needs; a kind without a row needs one
needed_looks = sa.Table(
    "needed_looks",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("looks", sa.Integer, nullable=False),
    sa.CheckConstraint("kind in ('missing', 'false', 'audit')", name="needed_looks_kind"),
    sa.CheckConstraint("looks between 1 and 5", name="needed_looks_looks"),
)

# who is at which clip, until when; ``holder`` is the one window of theirs that shows it
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("clip_id", sa.ForeignKey("clips.id"), primary_key=True),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Text, nullable=False),
    sa.Index("leases_holder", "holder"),
)

# whose work is which part of the collection; ``part`` as the kind writes it: a code, "0-25", a number, a folder
assignments = sa.Table(
    "assignments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("part", sa.Text, nullable=False),
    sa.Column("assigned_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.CheckConstraint("kind in ('class', 'share', 'import', 'folder')", name="assignments_kind"),
    sa.UniqueConstraint("reviewer", "kind", "part", name="assignments_once"),
    sqlite_autoincrement=True,
)

# stretches that somebody chose together, as arrays of clip ids and times; a link names them
chosen_stretches = sa.Table(
    "chosen_stretches",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("space", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("stretches", sa.LargeBinary, nullable=False),
)
