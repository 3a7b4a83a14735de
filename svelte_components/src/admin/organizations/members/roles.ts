import type { Role } from '../../../client/members';
import type { MessageKey } from '../../../locale/keys';

export const ROLE_LABELS: Record<Role, MessageKey> = {
  member: 'organizations.roleMember',
  manager: 'organizations.roleManager',
};

export const SOURCE_LABELS: Record<string, MessageKey> = {
  admin: 'organizations.sourceAdmin',
  rule: 'organizations.sourceRule',
  default: 'organizations.sourceDefault',
  unmapped: 'organizations.sourceUnmapped',
  imported: 'organizations.sourceImported',
};
