import { readFileSync } from 'node:fs'

const script = (name: string): string =>
  readFileSync(new URL(`../../lua/${name}.lua`, import.meta.url), 'utf8')

/** The scripts that change a shard's view. What they take and answer stands at the head of each file. */
export const applyVotesScript = script('apply-votes')
export const clearKeysScript = script('clear-keys')
export const beginViewScript = script('begin-view')
export const seedViewScript = script('seed-view')
export const swapEventScript = script('swap-event')

/** The script by which gateways lease tokens of the buckets that they share. */
export const dealTokensScript = script('deal-tokens')

/** The scripts by which gateways count failed logins together. */
export const beginLoginScript = script('begin-login')
export const endLoginScript = script('end-login')
