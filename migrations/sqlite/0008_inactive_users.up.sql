-- Those who have left, in the order of lists: few at first, most of all after years.
CREATE INDEX users_inactive ON users (org_id, user_code) WHERE is_active = 0 AND deleted_at IS NULL;
