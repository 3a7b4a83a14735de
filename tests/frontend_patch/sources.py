"""Sources of a front end to patch: small ones we wrote, and the host's own, out of source maps."""

from __future__ import annotations

import json
from pathlib import Path

from mai_usage_ext.frontend_patch.recipes import RECIPES
from tests.workshop.hosts import Host

DIALOG = "src/lib/components/chat/SettingsModal.svelte"
ADMIN_PAGE = "src/lib/components/admin/Settings.svelte"
ADMIN_ICONS = "src/lib/components/admin/Settings/AdminTabIcon.svelte"

NEWER = {
    DIALOG: """\
<script lang="ts">
	import Usage from './Settings/Usage.svelte';
	const groups = {
		usage: $i18n.t('Data'),
		'admin:analytics': $i18n.t('Quality'),
	};
	const tabs = [
		{
			id: 'archived_chats',
			title: 'Archive'
		},
		{
			id: 'admin:evaluations',
			title: 'Evaluations'
		}
	];
</script>

{#if tabId === 'general'}
	<button>General</button>
{:else if tabId === 'archived_chats'}
	<button>Archive</button>
{/if}
{#if selectedTab === 'general'}
	<General />
{:else if selectedTab === 'archived_chats'}
	<Archive />
{/if}
""",
    ADMIN_ICONS: """\
{#if id === 'general'}
	<General />
{:else if id === 'db'}
	<Database />
{/if}
""",
}

OLDER = {
    DIALOG: """\
<script lang="ts">
	import Tools from './Settings/Tools.svelte';
	const searchData = [
		{
			id: 'account',
			keywords: ['avatar']
		}
	];
</script>

{#if tabId === 'general'}
	<button>General</button>
{:else if tabId === 'account'}
	<button>Account</button>
{/if}
{#if selectedTab === 'general'}
	<General />
{:else if selectedTab === 'account'}
	<Account />
{/if}
""",
    ADMIN_PAGE: """\
<script>
	import Tools from './Settings/Tools.svelte';
	const pages = [
		'pipelines',
		'db'
	];
</script>

<button
	id="db"
>
	Database
</button>
{#if selectedTab === 'general'}
	<General />
{:else if selectedTab === 'db'}
	<Database />
{/if}
""",
}

EXCERPTS = {"0.6.17": OLDER, "0.6.18": OLDER, "0.12.4": NEWER}


def write_sources(root: Path, version: str, files: dict[str, str], *, ending: str = "\n") -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.replace("\n", ending).encode())
    for name in RECIPES[version].files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / "package.json").write_text(json.dumps({"name": "a-fork", "version": version}))
    return root


def read_sources(root: Path) -> dict[str, bytes]:
    """Everything below, the names of stray temporary files included."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def sources_of(host: Host, names: set[str]) -> dict[str, str]:
    """The host's own sources, which its wheel carries in the source maps of what it built."""
    found: dict[str, str] = {}
    for file in host.folder.glob("lib/python*/site-packages/open_webui/frontend/**/*.map"):
        content = json.loads(file.read_bytes())
        for source, text in zip(
            content["sources"], content.get("sourcesContent") or (), strict=False
        ):
            for name in names:
                if text and source.endswith(name):
                    found[name] = text
    return found
