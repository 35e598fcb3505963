-- The log of checkpoints: one row each time that a checkpoint was made of a tree that had grown. Its rows are the leaves
-- of a tree of their own (docs/audit-format.md), so that an organisation whose trail is gone is missed.
CREATE TABLE audit_checkpoints (
    seq         INTEGER PRIMARY KEY CHECK (seq > 0),
    tree        INTEGER NOT NULL CHECK (tree BETWEEN 0 AND 2147483647),
    size        INTEGER NOT NULL CHECK (size > 0),
    at          INTEGER NOT NULL CHECK (at BETWEEN -62135596800000000 AND 253402300799999999),
    root        BLOB    NOT NULL CHECK (length(root) = 32),
    -- What goes on from here: with it only newer records need be proven.
    frontier    BLOB    NOT NULL CHECK (length(frontier) > 0 AND length(frontier) % 32 = 0),
    leaf        BLOB    NOT NULL CHECK (length(leaf) = 32),
    -- The signed checkpoint of the tree; and that of this log, with the last row of each making.
    note        TEXT    NOT NULL CHECK (note <> ''),
    log_note    TEXT    CHECK (log_note <> ''),
    -- A log never signs two roots of one size.
    UNIQUE (tree, size)
) STRICT;

CREATE TRIGGER audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'a checkpoint can not be changed'); END;

CREATE TRIGGER audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'a checkpoint can not be deleted'); END;

CREATE TRIGGER audit_checkpoints_no_replace BEFORE INSERT ON audit_checkpoints
WHEN NEW.seq <> coalesce((SELECT max(seq) FROM audit_checkpoints), 0) + 1
    OR NEW.size <= coalesce((SELECT max(size) FROM audit_checkpoints WHERE tree = NEW.tree), 0)
    OR NOT EXISTS (SELECT 1 FROM audit_heads WHERE tree = NEW.tree AND size >= NEW.size)
BEGIN SELECT RAISE(ABORT, 'checkpoints can only be appended, one after another'); END;

-- Where archived payloads are, and which were erased: few records, asked for with each payload that is gone.
CREATE INDEX audit_records_gone ON audit_records (tree, seq) WHERE kind = 'audit' AND action IN ('archive', 'erase');
