-- Read by psql when the database of compose.yaml is new: a database for each program, and for each a role that owns it
-- and can neither enter the other one nor do a superuser's work. The passwords are those of the URLs in secrets/.
\set ON_ERROR_STOP on
\set campaign_password `sed -E 's|^[^:]+://[^:]+:([^@]+)@.*|\1|' /run/secrets/campaign_database_url`
\set prefect_password `sed -E 's|^[^:]+://[^:]+:([^@]+)@.*|\1|' /run/secrets/prefect_database_url`

CREATE ROLE campaign LOGIN PASSWORD :'campaign_password';
CREATE DATABASE campaign OWNER campaign;
REVOKE ALL ON DATABASE campaign FROM PUBLIC;

CREATE ROLE prefect LOGIN PASSWORD :'prefect_password';
CREATE DATABASE prefect OWNER prefect;
REVOKE ALL ON DATABASE prefect FROM PUBLIC;
