-- The log of checkpoints: one row each time that a checkpoint was made of a tree that had grown. Its rows are the leaves
-- of a tree of their own (docs/audit-format.md), so that an organisation whose trail is gone is missed.
CREATE TABLE audit_checkpoints (
    seq         bigint      PRIMARY KEY CHECK (seq > 0),
    tree        integer     NOT NULL CHECK (tree >= 0),
    size        bigint      NOT NULL CHECK (size > 0),
    at          timestamptz NOT NULL CHECK (at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    root        bytea       NOT NULL CHECK (length(root) = 32),
    -- What goes on from here: with it only newer records need be proven.
    frontier    bytea       NOT NULL CHECK (length(frontier) > 0 AND length(frontier) % 32 = 0),
    leaf        bytea       NOT NULL CHECK (length(leaf) = 32),
    -- The signed checkpoint of the tree; and that of this log, with the last row of each making.
    note        text        COLLATE "C" NOT NULL CHECK (note <> ''),
    log_note    text        COLLATE "C" CHECK (log_note <> ''),
    -- A log never signs two roots of one size.
    UNIQUE (tree, size)
);

CREATE TRIGGER audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints FOR EACH ROW
EXECUTE FUNCTION refuse_change('a checkpoint can not be changed');

CREATE TRIGGER audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints FOR EACH ROW
EXECUTE FUNCTION refuse_change('a checkpoint can not be deleted');

CREATE TRIGGER audit_checkpoints_no_truncate BEFORE TRUNCATE ON audit_checkpoints FOR EACH STATEMENT
EXECUTE FUNCTION refuse_change('a checkpoint can not be deleted');

CREATE FUNCTION refuse_checkpoint_out_of_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq <> coalesce((SELECT max(seq) FROM orgctl.audit_checkpoints), 0) + 1
        OR NEW.size <= coalesce((SELECT max(size) FROM orgctl.audit_checkpoints WHERE tree = NEW.tree), 0)
        OR NOT EXISTS (SELECT FROM orgctl.audit_heads h WHERE h.tree = NEW.tree AND h.size >= NEW.size) THEN
        RAISE EXCEPTION 'checkpoints can only be appended, one after another';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_checkpoints_in_order BEFORE INSERT ON audit_checkpoints FOR EACH ROW
EXECUTE FUNCTION refuse_checkpoint_out_of_order();

-- Where archived payloads are, and which were erased: few records, asked for with each payload that is gone.
CREATE INDEX audit_records_gone ON audit_records (tree, seq) WHERE kind = 'audit' AND action IN ('archive', 'erase');
