"""A program for the oldest host's interpreter: its own models, its own database, no server.

Prints what ``HostPeople`` finds of two users and a group that the host's models made.
"""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any


def main() -> dict[str, Any]:
    # Importing its settings brings the host's database up to date.
    import open_webui.config  # noqa: F401
    from open_webui.models.groups import GroupForm, Groups, GroupUpdateForm
    from open_webui.models.users import Users

    from mai_usage_ext.errors import StorageUnavailable
    from mai_usage_ext.host.user_events import UserEvents
    from mai_usage_ext.host.users import HostPeople

    for name in ("ada", "ben"):
        Users.insert_new_user(name, name.title(), f"{name}_x@example.com")
    group = Groups.insert_new_group("ada", GroupForm(name="Bakers", description=""))
    form = GroupUpdateForm(name="Bakers", description="", user_ids=["ada"])
    Groups.update_group_by_id(group.id, form)

    # A loop that never runs: nothing of this host has to be asked there.
    loop = asyncio.new_event_loop()
    people = HostPeople(loop)
    found = {
        "group": group.id,
        "find": asdict(people.find("ada")),
        "no one": people.find("nobody"),
        "by email": asdict(people.find_by_email("BEN_X@example.com")),
        "by wildcard": people.find_by_email("%@example.com"),
        "known": sorted(people.known(["ada", "ben", "nobody"])),
        "search": [user.id for user in people.search("da", 10)],
        "pages": [
            [[user.id for user in users], total]
            for users, total in (
                people.page("", 0, 1),
                people.page("", 1, 9),
                people.page("_x@", 1, 9),
                people.page("%", 0, 9),
            )
        ],
        "listens": UserEvents(print).attach(),
    }
    loop.close()
    Users.get_users_by_user_ids = lambda ids: 1 // 0
    try:
        people.find("ada")
    except StorageUnavailable as error:
        found["unavailable"] = str(error)
    return found


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(main())}\n")
