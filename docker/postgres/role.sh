#!/bin/sh
# The role that the instances read the registry with gets the password that secrets.sh has drawn.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$(cat "${SECRETS:-/run/secrets}/outputd_password")" -U postgres -d "$POSTGRES_DB" <<'SQL'
ALTER ROLE outputd PASSWORD :'password';
SQL
