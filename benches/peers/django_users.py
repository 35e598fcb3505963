"""Loads users with Django's bulk_create and prints the seconds that took: the peer of `orgctl user import`.

    django_users.py DATABASE_URL BRANCHES.csv DEPARTMENTS.csv USERS.csv

The database is empty: a file (sqlite://FILE) or one on a server (postgres://...). Columns, unique constraints, indexes
and foreign keys are those of orgctl's users, as far as the file fills them. Nothing is validated, and there is neither
an audit record nor a search row. What is timed is reading the users and writing them, in one transaction.
"""

import csv
import sys
import time
import uuid
from datetime import date
from itertools import islice
from urllib.parse import parse_qs, unquote, urlsplit

import django
from django.conf import settings
from django.utils import timezone


def database(url):
    if url.startswith("sqlite://"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.removeprefix("sqlite://")}
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parse_qs(parts.query).get("host", [parts.hostname])[0],
        "PORT": str(parts.port or ""),
    }


url, *files = sys.argv[1:]
settings.configure(DATABASES={"default": database(url)}, INSTALLED_APPS=[], USE_TZ=True)
django.setup()

from django.db import connection, models, transaction  # noqa: E402 (needs the settings)


class Base(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    org_id = models.IntegerField()

    class Meta:
        abstract = True


class Branch(Base):
    code = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=200)

    class Meta:
        app_label = "bench"


class Department(Base):
    code = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=200)

    class Meta:
        app_label = "bench"


LIVE = models.Q(deleted_at__isnull=True)


def unique(column):
    return models.UniqueConstraint(fields=["org_id", column], name=f"users_{column}", condition=LIVE)


def index(*columns, name, condition=None):
    return models.Index(fields=["org_id", *columns], name=f"users_{name}", condition=condition)


def reference(to):
    return models.ForeignKey(to, on_delete=models.PROTECT, null=True, db_index=False, related_name="+")


class Recorded(Base):
    created_at = models.DateTimeField()
    created_by = models.BigIntegerField()
    updated_at = models.DateTimeField()
    updated_by = models.BigIntegerField()
    version = models.BigIntegerField(default=1)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class User(Recorded):
    user_code = models.CharField(max_length=6)
    first_name = models.CharField(max_length=200)
    last_name = models.CharField(max_length=200, null=True)
    name = models.CharField(max_length=602)
    email = models.CharField(max_length=254, null=True)
    mobile = models.CharField(max_length=16, null=True)
    external_id = models.CharField(max_length=64, null=True)
    department = reference(Department)
    designation = models.CharField(max_length=200, null=True)
    reports_to = reference("self")
    gender = models.CharField(max_length=6, null=True)
    dob = models.DateField(null=True)
    can_login = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    blocked = models.BooleanField(default=False)
    email_verified = models.BooleanField(default=False)
    mobile_verified = models.BooleanField(default=False)

    class Meta:
        app_label = "bench"
        db_table = "users"
        constraints = [
            unique("user_code"),
            unique("email"),
            unique("external_id"),
        ]
        indexes = [
            index("name", name="name"),
            index("mobile", name="mobile", condition=models.Q(mobile__isnull=False)),
            index("department", "created_at", name="department", condition=models.Q(department__isnull=False)),
            index("reports_to", name="reports_to", condition=models.Q(reports_to__isnull=False)),
            index("is_active", "created_at", name="active", condition=LIVE),
        ]


class UserBranch(Recorded):
    branch = models.ForeignKey(Branch, on_delete=models.PROTECT, db_index=False, related_name="+")
    user = models.ForeignKey(User, on_delete=models.PROTECT, db_index=False, related_name="+")
    is_primary = models.BooleanField()

    class Meta:
        app_label = "bench"
        db_table = "user_branches"
        constraints = [
            models.UniqueConstraint(fields=["org_id", "branch", "user"], name="user_branches_key", condition=LIVE)
        ]
        indexes = [
            models.Index(fields=["org_id", "branch"], name="user_branches_branch"),
            models.Index(fields=["org_id", "user"], name="user_branches_user"),
        ]


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def ids(model, path):
    """Makes the records that users refer to; their ids by code."""
    made = model.objects.bulk_create(model(org_id=1, code=row["code"], name=row["name"]) for row in rows(path))
    return {record.code: record.id for record in made}


def users(path, branches, departments):
    now = timezone.now()
    codes = {}
    for row in rows(path):
        user = User(
            org_id=1,
            user_code=row["user_code"],
            first_name=row["first_name"],
            last_name=row["last_name"],
            name=f"{row['first_name']} {row['last_name']}",
            email=row["email"],
            mobile=row["mobile"],
            external_id=row["external_id"],
            department_id=departments[row["department"]],
            designation=row["designation"],
            reports_to_id=codes.get(row["reports_to"]),
            gender=row["gender"],
            dob=date.fromisoformat(row["dob"]),
            created_at=now,
            created_by=1,
            updated_at=now,
            updated_by=1,
        )
        codes[user.user_code] = user.id
        link = UserBranch(
            org_id=1,
            branch_id=branches[row["branch"]],
            user_id=user.id,
            is_primary=True,
            created_at=now,
            created_by=1,
            updated_at=now,
            updated_by=1,
        )
        yield user, link


if connection.vendor == "sqlite":
    with connection.cursor() as cursor:
        for pragma in ["journal_mode = wal", "synchronous = normal", "cache_size = -32000"]:
            cursor.execute(f"pragma {pragma}")
with connection.schema_editor() as editor:
    for model in [Branch, Department, User, UserBranch]:
        editor.create_model(model)
branches, departments = ids(Branch, files[0]), ids(Department, files[1])

started = time.perf_counter()
with transaction.atomic():
    some = users(files[2], branches, departments)
    while batch := list(islice(some, 1000)):
        User.objects.bulk_create([user for user, _ in batch], batch_size=1000)
        UserBranch.objects.bulk_create([link for _, link in batch], batch_size=1000)
print(f"{time.perf_counter() - started:.3f}")
