-- What people agreed to before their papers were looked at.
CREATE TABLE consents (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL,
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    user_id       BLOB NOT NULL CHECK (length(user_id) = 16),
    serial        INTEGER NOT NULL CHECK (serial >= 0),
    notice        TEXT NOT NULL CHECK (notice <> '' AND length(notice) <= 50),
    notice_sha256 TEXT NOT NULL CHECK (notice_sha256 <> '' AND length(notice_sha256) <= 64),
    purposes      TEXT NOT NULL CHECK (purposes <> '' AND length(purposes) <= 10000),
    language      TEXT NOT NULL CHECK (language <> '' AND length(language) <= 11),
    channel       TEXT NOT NULL CHECK (channel IN ('in_person', 'paper', 'web', 'mobile_app', 'email', 'sms', 'phone')),
    given_at      INTEGER NOT NULL CHECK (given_at BETWEEN -62135596800000000 AND 253402300799999999),
    recorded_by_id BLOB CHECK (length(recorded_by_id) = 16),
    withdrawn_at  INTEGER CHECK (withdrawn_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    INTEGER CHECK (deleted_at BETWEEN -62135596800000000 AND 253402300799999999),
    deleted_by    INTEGER REFERENCES actors (actor_id),
    deletion_id   BLOB    CHECK (length(deletion_id) = 16),
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX consents_key ON consents (org_id, user_id, serial) WHERE deleted_at IS NULL;
CREATE INDEX consents_user ON consents (org_id, user_id);
CREATE INDEX consents_notice ON consents (org_id, notice, id);
CREATE INDEX consents_deletion ON consents (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- What papers say of people, and whether it was verified. What is in bytes is sealed (version, key, nonce, cipher and
-- tag: 57 bytes at least); equal numbers have one number_index.
CREATE TABLE kyc (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL,
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    user_id       BLOB NOT NULL CHECK (length(user_id) = 16),
    kind          TEXT NOT NULL CHECK (kind IN ('aadhaar', 'pan', 'business', 'bank')),
    serial        INTEGER NOT NULL CHECK (serial >= 0),
    state         TEXT NOT NULL CHECK (state IN ('draft', 'submitted', 'in_review', 'verified', 'rejected', 'expired', 'superseded')),
    mask          TEXT CHECK (mask <> '' AND length(mask) <= 40),
    submitted_at  INTEGER CHECK (submitted_at BETWEEN -62135596800000000 AND 253402300799999999),
    submitted_by_id BLOB CHECK (length(submitted_by_id) = 16),
    submitted_operator TEXT CHECK (submitted_operator <> '' AND length(submitted_operator) <= 200),
    assigned_to_id BLOB CHECK (length(assigned_to_id) = 16),
    risk          TEXT CHECK (risk IN ('low', 'medium', 'high')),
    verified_at   INTEGER CHECK (verified_at BETWEEN -62135596800000000 AND 253402300799999999),
    verification_method TEXT CHECK (verification_method IN ('penny_drop', 'bank_statement', 'manual', 'api_digilocker', 'api_uidai', 'api_nsdl', 'api_karza', 'offline_xml', 'migrated')),
    rejected_at   INTEGER CHECK (rejected_at BETWEEN -62135596800000000 AND 253402300799999999),
    rejection_code TEXT CHECK (rejection_code IN ('unreadable', 'mismatch', 'expired_document', 'wrong_document', 'suspected_fraud', 'duplicate', 'incomplete', 'other')),
    rejection_text TEXT CHECK (rejection_text <> '' AND length(rejection_text) <= 1000),
    decided_by_id BLOB CHECK (length(decided_by_id) = 16),
    decided_operator TEXT CHECK (decided_operator <> '' AND length(decided_operator) <= 200),
    note          TEXT CHECK (note <> '' AND length(note) <= 1000),
    reference     TEXT CHECK (reference <> '' AND length(reference) <= 100),
    amount        INTEGER CHECK (amount >= 0),
    name_match_score INTEGER CHECK (name_match_score >= 0),
    name_match_reason TEXT CHECK (name_match_reason <> '' AND length(name_match_reason) <= 500),
    valid_until   TEXT    CHECK (valid_until IS date(valid_until)),
    consent_id    BLOB CHECK (length(consent_id) = 16),
    batch         TEXT CHECK (batch <> '' AND length(batch) <= 50),
    gender        TEXT CHECK (gender IN ('male', 'female', 'other')),
    business_type TEXT CHECK (business_type IN ('sole_proprietorship', 'partnership', 'private_limited', 'public_limited', 'llp', 'ngo', 'trust', 'huf')),
    registration  TEXT CHECK (registration IN ('gstin', 'cin', 'llpin', 'udyam')),
    phone         TEXT CHECK (phone <> '' AND length(phone) <= 16),
    email         TEXT CHECK (email <> '' AND length(email) <= 254),
    ifsc          TEXT CHECK (ifsc <> '' AND length(ifsc) <= 11),
    account_type  TEXT CHECK (account_type IN ('savings', 'current', 'fixed_deposit', 'recurring_deposit')),
    bank_name     TEXT CHECK (bank_name <> '' AND length(bank_name) <= 200),
    branch_name   TEXT CHECK (branch_name <> '' AND length(branch_name) <= 200),
    number        BLOB CHECK (length(number) >= 57),
    number_index  BLOB CHECK (length(number_index) = 32),
    name          BLOB CHECK (length(name) >= 57),
    father_name   BLOB CHECK (length(father_name) >= 57),
    dob           BLOB CHECK (length(dob) >= 57),
    address       BLOB CHECK (length(address) >= 57),
    response      BLOB CHECK (length(response) >= 57),
    fingerprint   TEXT CHECK (fingerprint <> '' AND length(fingerprint) <= 64),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    INTEGER CHECK (deleted_at BETWEEN -62135596800000000 AND 253402300799999999),
    deleted_by    INTEGER REFERENCES actors (actor_id),
    deletion_id   BLOB    CHECK (length(deletion_id) = 16),
    CHECK (submitted_at IS NOT NULL OR state NOT IN ('submitted', 'in_review', 'verified', 'rejected', 'expired', 'superseded')),
    CHECK (submitted_at IS NULL OR state NOT IN ('draft')),
    CHECK (verified_at IS NOT NULL OR state NOT IN ('verified', 'expired', 'superseded')),
    CHECK (verified_at IS NULL OR state NOT IN ('draft', 'submitted', 'in_review', 'rejected')),
    CHECK (rejected_at IS NOT NULL OR state NOT IN ('rejected')),
    CHECK (rejected_at IS NULL OR state NOT IN ('draft', 'submitted', 'in_review', 'verified', 'expired', 'superseded')),
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

-- Numbers of one person's records; at most one that waits and one in force of each kind.
CREATE UNIQUE INDEX kyc_key ON kyc (org_id, user_id, kind, serial) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX kyc_pending ON kyc (org_id, user_id, kind)
    WHERE deleted_at IS NULL AND state IN ('submitted', 'in_review');
CREATE UNIQUE INDEX kyc_in_force ON kyc (org_id, user_id, kind) WHERE deleted_at IS NULL AND state = 'verified';
CREATE INDEX kyc_user ON kyc (org_id, user_id);
-- What waits, the oldest first.
CREATE INDEX kyc_queue ON kyc (org_id, submitted_at, id) WHERE deleted_at IS NULL AND state IN ('submitted', 'in_review');
CREATE INDEX kyc_state ON kyc (org_id, state, submitted_at, id);
CREATE INDEX kyc_assigned_to ON kyc (org_id, assigned_to_id) WHERE assigned_to_id IS NOT NULL;
-- What holds until a day.
CREATE INDEX kyc_valid_until ON kyc (org_id, valid_until) WHERE deleted_at IS NULL AND valid_until IS NOT NULL;
-- Whose number is the same.
CREATE INDEX kyc_number ON kyc (org_id, number_index) WHERE number_index IS NOT NULL;
CREATE INDEX kyc_batch ON kyc (org_id, batch, id) WHERE batch IS NOT NULL;
CREATE INDEX kyc_deletion ON kyc (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- Who owns a business beneficially, as its paper says.
CREATE TABLE kyc_owners (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL,
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    kyc_id        BLOB NOT NULL CHECK (length(kyc_id) = 16),
    serial        INTEGER NOT NULL CHECK (serial >= 0),
    share         INTEGER NOT NULL CHECK (share >= 0),
    shown         TEXT NOT NULL CHECK (shown <> '' AND length(shown) <= 60),
    name          BLOB NOT NULL CHECK (length(name) >= 57),
    number        BLOB NOT NULL CHECK (length(number) >= 57),
    number_index  BLOB NOT NULL CHECK (length(number_index) = 32),
    fingerprint   TEXT NOT NULL CHECK (fingerprint <> '' AND length(fingerprint) <= 64),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    INTEGER CHECK (deleted_at BETWEEN -62135596800000000 AND 253402300799999999),
    deleted_by    INTEGER REFERENCES actors (actor_id),
    deletion_id   BLOB    CHECK (length(deletion_id) = 16),
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, kyc_id) REFERENCES kyc (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX kyc_owners_key ON kyc_owners (org_id, kyc_id, serial) WHERE deleted_at IS NULL;
CREATE INDEX kyc_owners_kyc ON kyc_owners (org_id, kyc_id);
-- Whose PAN is the same.
CREATE INDEX kyc_owners_number ON kyc_owners (org_id, number_index);
CREATE INDEX kyc_owners_deletion ON kyc_owners (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- From when on it counts how long these records are kept.
ALTER TABLE users ADD COLUMN relationship_ended_at INTEGER CHECK (relationship_ended_at BETWEEN -62135596800000000 AND 253402300799999999);
