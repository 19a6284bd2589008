/** What the page needs to know of a token. Only the service can tell whether it is valid. */
export interface TokenClaims {
  readonly userId: string | undefined
  readonly scopes: ReadonlySet<string>
  readonly issuedAtMs: number
  readonly lifetimeMs: number
}

/** Undefined for what is no JSON Web Token. */
export const readClaims = (token: string): TokenClaims | undefined => {
  const payload = token.split('.')[1]
  if (payload === undefined) return undefined
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (character) =>
      character.charCodeAt(0),
    )
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof claims !== 'object' || claims === null) return undefined
    const { sub, scope, iat, exp } = claims as Record<string, unknown>
    if (typeof scope !== 'string' || typeof iat !== 'number' || typeof exp !== 'number') return undefined
    return {
      userId: typeof sub === 'string' ? sub : undefined,
      scopes: new Set(scope.split(' ')),
      issuedAtMs: iat * 1_000,
      lifetimeMs: (exp - iat) * 1_000,
    }
  } catch {
    return undefined
  }
}
