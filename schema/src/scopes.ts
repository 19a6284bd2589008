/** What a token allows. */
export const SCOPES = [
  'accounts:register',
  'votes',
  'events',
  'results:read',
  'events:canary',
  'admin',
] as const
export type Scope = (typeof SCOPES)[number]

/** What an ordinary user's token allows: vote, create events, read; not register others. */
export const USER_SCOPES: readonly Scope[] = ['votes', 'events', 'results:read']
/** What the operator's own account may do. */
export const ADMIN_SCOPES: readonly Scope[] = SCOPES

export const isScope = (text: string): text is Scope => (SCOPES as readonly string[]).includes(text)
