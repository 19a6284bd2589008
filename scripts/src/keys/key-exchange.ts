import type { Secrets } from '../secrets.js'

type Keys = Pick<Secrets, 'jwtSecret' | 'otherJwtSecret' | 'jwtExchangedAtMs'>

const DAY_MS = 86_400_000
/** Applications' tokens last for a year; those of users, as a rule, for a day. */
const USER_TOKENS_LAST_MS = DAY_MS

/** What a command would break; undefined: nothing. */
export const exchangeFault = (
  command: string | undefined,
  { otherJwtSecret, jwtExchangedAtMs = 0 }: Keys,
  nowMs: number,
): string | undefined => {
  const endsOne = command === 'rotate' || command === 'retire'
  if (!endsOne || otherJwtSecret === undefined) return undefined
  const ageMs = nowMs - jwtExchangedAtMs
  if (ageMs < USER_TOKENS_LAST_MS) {
    return `The keys were exchanged ${Math.floor(ageMs / 60_000)} minutes ago: users whose tokens are older would have to log in again.`
  }
  return "Applications' tokens that the key before signed would be refused: hand out new ones first."
}

/** The new secret signs; the one that did verifies on; what was before that is gone. */
export const exchanged = <Kept extends Keys>(secrets: Kept, secret: string, nowMs: number): Kept => ({
  ...secrets,
  jwtSecret: secret,
  otherJwtSecret: secrets.jwtSecret,
  jwtExchangedAtMs: nowMs,
})

export const retired = <Kept extends Keys>({
  otherJwtSecret: _,
  ...kept
}: Kept): Omit<Kept, 'otherJwtSecret'> => kept
