"""What was imported from mAI's prototype; ``models`` says how the tables are read."""

from peewee import BigIntegerField, CompositeKey, DateField, Model, TextField

__all__ = ["ImportMark", "ImportedGeneration", "import_models"]


class ImportMark(Model):
    """A row of mAI's prototype that was imported: what it became here, and what it came without."""

    kind = TextField()
    source_id = TextField()
    target_id = TextField()
    lacks = TextField()
    imported_at_ms = BigIntegerField()

    class Meta:
        table_name = "import_marks"
        primary_key = CompositeKey("kind", "source_id")


class ImportedGeneration(Model):
    """A generation that mAI's prototype had counted, so that its day holds its money already."""

    generation_id = TextField(primary_key=True)
    organization_id = TextField()
    day = DateField()
    cost_pusd = BigIntegerField()
    tokens = BigIntegerField()

    class Meta:
        table_name = "imported_generations"


def import_models() -> tuple[type[Model], ...]:
    return (ImportMark, ImportedGeneration)
