-- What people agreed to before their papers were looked at.
CREATE TABLE consents (
    org_id        integer NOT NULL,
    id            uuid NOT NULL,
    user_id       uuid NOT NULL,
    serial        integer NOT NULL CHECK (serial >= 0),
    notice        text COLLATE "C" NOT NULL CHECK (notice <> '' AND length(notice) <= 50),
    notice_sha256 text COLLATE "C" NOT NULL CHECK (notice_sha256 <> '' AND length(notice_sha256) <= 64),
    purposes      text COLLATE "C" NOT NULL CHECK (purposes <> '' AND length(purposes) <= 10000),
    language      text COLLATE "C" NOT NULL CHECK (language <> '' AND length(language) <= 11),
    channel       text COLLATE "C" NOT NULL CHECK (channel IN ('in_person', 'paper', 'web', 'mobile_app', 'email', 'sms', 'phone')),
    given_at      timestamptz NOT NULL CHECK (given_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    recorded_by_id uuid,
    withdrawn_at  timestamptz CHECK (withdrawn_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz CHECK (deleted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX consents_key ON consents (org_id, user_id, serial) WHERE deleted_at IS NULL;
CREATE INDEX consents_user ON consents (org_id, user_id);
CREATE INDEX consents_notice ON consents (org_id, notice, id);
CREATE INDEX consents_deletion ON consents (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- What papers say of people, and whether it was verified. What is in bytes is sealed (version, key, nonce, cipher and
-- tag: 57 bytes at least); equal numbers have one number_index.
CREATE TABLE kyc (
    org_id        integer NOT NULL,
    id            uuid NOT NULL,
    user_id       uuid NOT NULL,
    kind          text COLLATE "C" NOT NULL CHECK (kind IN ('aadhaar', 'pan', 'business', 'bank')),
    serial        integer NOT NULL CHECK (serial >= 0),
    state         text COLLATE "C" NOT NULL CHECK (state IN ('draft', 'submitted', 'in_review', 'verified', 'rejected', 'expired', 'superseded')),
    mask          text COLLATE "C" CHECK (mask <> '' AND length(mask) <= 40),
    submitted_at  timestamptz CHECK (submitted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    submitted_by_id uuid,
    submitted_operator text COLLATE "C" CHECK (submitted_operator <> '' AND length(submitted_operator) <= 200),
    assigned_to_id uuid,
    risk          text COLLATE "C" CHECK (risk IN ('low', 'medium', 'high')),
    verified_at   timestamptz CHECK (verified_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    verification_method text COLLATE "C" CHECK (verification_method IN ('penny_drop', 'bank_statement', 'manual', 'api_digilocker', 'api_uidai', 'api_nsdl', 'api_karza', 'offline_xml', 'migrated')),
    rejected_at   timestamptz CHECK (rejected_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    rejection_code text COLLATE "C" CHECK (rejection_code IN ('unreadable', 'mismatch', 'expired_document', 'wrong_document', 'suspected_fraud', 'duplicate', 'incomplete', 'other')),
    rejection_text text COLLATE "C" CHECK (rejection_text <> '' AND length(rejection_text) <= 1000),
    decided_by_id uuid,
    decided_operator text COLLATE "C" CHECK (decided_operator <> '' AND length(decided_operator) <= 200),
    note          text COLLATE "C" CHECK (note <> '' AND length(note) <= 1000),
    reference     text COLLATE "C" CHECK (reference <> '' AND length(reference) <= 100),
    amount        numeric(18, 4) CHECK (amount >= 0 AND amount <> 'NaN'),
    name_match_score numeric(18, 4) CHECK (name_match_score >= 0 AND name_match_score <> 'NaN'),
    name_match_reason text COLLATE "C" CHECK (name_match_reason <> '' AND length(name_match_reason) <= 500),
    valid_until   date CHECK (valid_until BETWEEN '0001-01-01' AND '9999-12-31'),
    consent_id    uuid,
    batch         text COLLATE "C" CHECK (batch <> '' AND length(batch) <= 50),
    gender        text COLLATE "C" CHECK (gender IN ('male', 'female', 'other')),
    business_type text COLLATE "C" CHECK (business_type IN ('sole_proprietorship', 'partnership', 'private_limited', 'public_limited', 'llp', 'ngo', 'trust', 'huf')),
    registration  text COLLATE "C" CHECK (registration IN ('gstin', 'cin', 'llpin', 'udyam')),
    phone         text COLLATE "C" CHECK (phone <> '' AND length(phone) <= 16),
    email         text COLLATE "C" CHECK (email <> '' AND length(email) <= 254),
    ifsc          text COLLATE "C" CHECK (ifsc <> '' AND length(ifsc) <= 11),
    account_type  text COLLATE "C" CHECK (account_type IN ('savings', 'current', 'fixed_deposit', 'recurring_deposit')),
    bank_name     text COLLATE "C" CHECK (bank_name <> '' AND length(bank_name) <= 200),
    branch_name   text COLLATE "C" CHECK (branch_name <> '' AND length(branch_name) <= 200),
    number        bytea CHECK (length(number) >= 57),
    number_index  bytea CHECK (length(number_index) = 32),
    name          bytea CHECK (length(name) >= 57),
    father_name   bytea CHECK (length(father_name) >= 57),
    dob           bytea CHECK (length(dob) >= 57),
    address       bytea CHECK (length(address) >= 57),
    response      bytea CHECK (length(response) >= 57),
    fingerprint   text COLLATE "C" CHECK (fingerprint <> '' AND length(fingerprint) <= 64),
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz CHECK (deleted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    CHECK (submitted_at IS NOT NULL OR state NOT IN ('submitted', 'in_review', 'verified', 'rejected', 'expired', 'superseded')),
    CHECK (submitted_at IS NULL OR state NOT IN ('draft')),
    CHECK (verified_at IS NOT NULL OR state NOT IN ('verified', 'expired', 'superseded')),
    CHECK (verified_at IS NULL OR state NOT IN ('draft', 'submitted', 'in_review', 'rejected')),
    CHECK (rejected_at IS NOT NULL OR state NOT IN ('rejected')),
    CHECK (rejected_at IS NULL OR state NOT IN ('draft', 'submitted', 'in_review', 'verified', 'expired', 'superseded')),
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

-- Numbers of one person's records; at most one that waits and one in force of each kind.
CREATE UNIQUE INDEX kyc_key ON kyc (org_id, user_id, kind, serial) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX kyc_pending ON kyc (org_id, user_id, kind)
    WHERE deleted_at IS NULL AND state IN ('submitted', 'in_review');
CREATE UNIQUE INDEX kyc_in_force ON kyc (org_id, user_id, kind) WHERE deleted_at IS NULL AND state = 'verified';
CREATE INDEX kyc_user ON kyc (org_id, user_id);
-- What waits, the oldest first.
CREATE INDEX kyc_queue ON kyc (org_id, submitted_at NULLS FIRST, id) WHERE deleted_at IS NULL AND state IN ('submitted', 'in_review');
CREATE INDEX kyc_state ON kyc (org_id, state, submitted_at NULLS FIRST, id);
CREATE INDEX kyc_assigned_to ON kyc (org_id, assigned_to_id) WHERE assigned_to_id IS NOT NULL;
-- What holds until a day.
CREATE INDEX kyc_valid_until ON kyc (org_id, valid_until) WHERE deleted_at IS NULL AND valid_until IS NOT NULL;
-- Whose number is the same.
CREATE INDEX kyc_number ON kyc (org_id, number_index) WHERE number_index IS NOT NULL;
CREATE INDEX kyc_batch ON kyc (org_id, batch, id) WHERE batch IS NOT NULL;
CREATE INDEX kyc_deletion ON kyc (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- Who owns a business beneficially, as its paper says.
CREATE TABLE kyc_owners (
    org_id        integer NOT NULL,
    id            uuid NOT NULL,
    kyc_id        uuid NOT NULL,
    serial        integer NOT NULL CHECK (serial >= 0),
    share         numeric(18, 4) NOT NULL CHECK (share >= 0 AND share <> 'NaN'),
    shown         text COLLATE "C" NOT NULL CHECK (shown <> '' AND length(shown) <= 60),
    name          bytea NOT NULL CHECK (length(name) >= 57),
    number        bytea NOT NULL CHECK (length(number) >= 57),
    number_index  bytea NOT NULL CHECK (length(number_index) = 32),
    fingerprint   text COLLATE "C" NOT NULL CHECK (fingerprint <> '' AND length(fingerprint) <= 64),
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz CHECK (deleted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, kyc_id) REFERENCES kyc (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX kyc_owners_key ON kyc_owners (org_id, kyc_id, serial) WHERE deleted_at IS NULL;
CREATE INDEX kyc_owners_kyc ON kyc_owners (org_id, kyc_id);
-- Whose PAN is the same.
CREATE INDEX kyc_owners_number ON kyc_owners (org_id, number_index);
CREATE INDEX kyc_owners_deletion ON kyc_owners (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- From when on it counts how long these records are kept.
ALTER TABLE users ADD COLUMN relationship_ended_at timestamptz CHECK (relationship_ended_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z');
