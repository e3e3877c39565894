"""Write the next schema migration from the difference between the tables and the migrations.

python scripts/make_migration.py 0002 "add segments"
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from leadloop.storage.database import Database

SCRIPTS = Path(__file__).parent.parent / "leadloop" / "storage" / "alembic"


def main() -> None:
    number, message = sys.argv[1], sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.db")
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["engine"] = database.engine
        command.upgrade(config, "head")
        command.revision(config, message, autogenerate=True, rev_id=number)
        database.close()
    (path,) = (SCRIPTS / "versions").glob(f"{number}_*.py")
    text = path.read_text()
    text = re.sub(r"leadloop\.storage\.columns\.UtcDateTime\(\)", "UtcDateTime()", text)
    text = re.sub(
        r"sa\.JSON\(\)\.with_variant\(postgresql\.JSONB\(astext_type=.*?Text\(\)\), 'postgresql'\)",
        "JSON_TYPE",
        text,
    )
    text = text.replace("from sqlalchemy.dialects import postgresql\n", "")
    path.write_text(re.sub(r"sqlmodel\.sql\.sqltypes\.AutoString\(\)", "sa.String()", text))


if __name__ == "__main__":
    main()
