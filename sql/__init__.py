"""Every SQL text of deployd: named queries, one text for SQLite and PostgreSQL, and the migrations of each engine."""
