"""The database: schema, queries, migrations. The only package that knows SQLAlchemy.

One module for each noun, of plain functions that take a running transaction. Whoever calls them
decides what belongs into one transaction; none of them commits.
"""
