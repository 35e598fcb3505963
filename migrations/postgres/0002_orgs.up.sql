-- Organisations. org_id is the tenant's small number, the first column of every key; id is its public name.
-- created_by, updated_by and deleted_by have no index of their own: actors are never deleted, and who did what is asked
-- of the audit trail.
CREATE TABLE orgs (
    org_id        integer PRIMARY KEY CHECK (org_id >= 0),
    id            uuid NOT NULL UNIQUE,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          text COLLATE "C" NOT NULL CHECK (name <> '' AND length(name) <= 200),
    type          text COLLATE "C" NOT NULL CHECK (type IN ('corporation', 'nonprofit', 'government', 'startup', 'retail')),
    industry      text COLLATE "C" NOT NULL CHECK (industry IN ('general', 'manufacturing', 'it', 'finance', 'healthcare', 'retail', 'e_commerce', 'education')),
    address       text COLLATE "C" CHECK (length(address) <= 1000),
    contact_email text COLLATE "C" CHECK (length(contact_email) <= 254),
    contact_phone text COLLATE "C" CHECK (length(contact_phone) <= 16),
    website       text COLLATE "C" CHECK (length(website) <= 2000),
    max_users     integer CHECK (max_users >= 0),
    asset_limit   integer CHECK (asset_limit >= 0),
    is_active     boolean NOT NULL,
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz CHECK (deleted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    -- Folded words (model/search.rs), found by their beginnings.
    search        tsvector NOT NULL DEFAULT '',
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    -- SYSTEM stays as it was made.
    CHECK (org_id <> 0 OR (code = 'SYSTEM' AND deleted_at IS NULL AND is_active))
);

-- Its number is given with its audit tree: one that was taken without would stand in the way of the next.
CREATE FUNCTION refuse_org_without_trail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM orgctl.audit_heads h WHERE h.tree = NEW.org_id) THEN
        RAISE EXCEPTION 'an organisation has an audit trail';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER orgs_with_trail BEFORE INSERT ON orgs FOR EACH ROW
EXECUTE FUNCTION refuse_org_without_trail();

CREATE TRIGGER orgs_keep_number BEFORE UPDATE ON orgs FOR EACH ROW
WHEN (NEW.org_id <> OLD.org_id)
EXECUTE FUNCTION refuse_change('an organisation keeps its number');

CREATE UNIQUE INDEX orgs_code ON orgs (code) WHERE deleted_at IS NULL;
CREATE INDEX orgs_active ON orgs (is_active, created_at);
CREATE INDEX orgs_deleted ON orgs (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX orgs_deletion ON orgs (deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX orgs_search ON orgs USING gin (search);
