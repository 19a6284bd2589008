import { parseDuration } from '@votestream/gateway/duration'
import { createKeyUsage } from '@votestream/gateway/key-usage'
import type { Usage } from '@votestream/gateway/quota-decision'
import type { IssuedKey } from '@votestream/gateway/usage-plans'
import type { ApiKeyOwner, ApiKeyRecord } from '@votestream/schema/api-key-record'
import { table } from '../bench/table.js'
import { type PlansCommand, type PlansContext, textOf, type Values } from './plans-command.js'

const GRACE = '24h'
/** Questions to the broker at once. */
const READS_AT_ONCE = 50

const list: PlansCommand = {
  usage: ['keys list [--plan NAME]', 'all keys, whose they are, and how far their quotas are used up'],
  options: { plan: { type: 'string' } },
  takes: [],
  async run(context, { plan }) {
    const all = await context.plans.listKeys()
    const shown = await withUsage(
      context,
      all.filter((key) => plan === undefined || key.plan === plan),
    )
    return { json: shown.map((each) => keyJson(context, each)), text: keysTable(context, shown) }
  },
}

const create: PlansCommand = {
  usage: ['keys create --plan NAME --user ID', 'a key of a user, or of an application: --application NAME'],
  options: { plan: { type: 'string' }, user: { type: 'string' }, application: { type: 'string' } },
  takes: [],
  async run(context, values) {
    const owner = ownerOf(context, values)
    return issued(context, await context.plans.createKey({ plan: textOf('plan', values.plan), owner }))
  },
}

const rotate: PlansCommand = {
  usage: [
    `keys rotate ID [--grace ${GRACE}]`,
    'another text; the one before is taken that much longer (0: no more)',
  ],
  options: { grace: { type: 'string', default: GRACE } },
  takes: ['ID'],
  async run(context, { grace }, [id = '']) {
    return issued(context, await context.plans.rotateKey(id, graceSecondsOf(String(grace))))
  },
}

const revoke: PlansCommand = {
  usage: ['keys revoke ID', 'every gateway refuses it within a second'],
  options: {},
  takes: ['ID'],
  async run(context, _values, [id = '']) {
    const record = await context.plans.revokeKey(id)
    return { json: keyJson(context, { record }), text: `The key ${id} is revoked.` }
  },
}

const remove: PlansCommand = {
  usage: ['keys remove ID', 'forgets a key that was revoked'],
  options: {},
  takes: ['ID'],
  async run({ plans }, _values, [id = '']) {
    await plans.removeKey(id)
    return { json: { removed: id }, text: `The key ${id} was forgotten.` }
  },
}

export const keyCommands: Readonly<Record<string, PlansCommand>> = { list, create, rotate, revoke, remove }

const ownerOf = ({ ids }: PlansContext, { user, application }: Values): ApiKeyOwner => {
  if ((user === undefined) === (application === undefined))
    throw new Error('say either --user or --application')
  if (application !== undefined) return { kind: 'application', name: String(application) }
  const voter = ids().parseUserId(String(user))
  if (voter === undefined) throw new Error(`--user ${user}: is no user's id`)
  return { kind: 'user', voter }
}

const graceSecondsOf = (text: string): number => {
  const seconds = /^0[smhd]?$/.test(text) ? 0 : parseDuration(text)
  if (seconds === undefined)
    throw new Error(`--grace ${text}: must be seconds, or a number with s, m, h or d`)
  return seconds
}

interface ShownKey {
  readonly record: ApiKeyRecord
  readonly usage?: Usage
}

const withUsage = async (
  { plans, ledger, now }: PlansContext,
  keys: readonly ApiKeyRecord[],
): Promise<ShownKey[]> => {
  const quotas = new Map((await plans.listPlans()).map(({ name, quota }) => [name, quota]))
  const usageOf = createKeyUsage(ledger, now)
  const shown: ShownKey[] = []
  for (let at = 0; at < keys.length; at += READS_AT_ONCE) {
    const some = keys.slice(at, at + READS_AT_ONCE).map(async (record): Promise<ShownKey> => {
      const quota = record.revokedAtMs === null ? quotas.get(record.plan) : undefined
      return quota ? { record, usage: await usageOf(record.id, quota) } : { record }
    })
    shown.push(...(await Promise.all(some)))
  }
  return shown
}

const issued = (context: PlansContext, { record, text }: IssuedKey) => ({
  json: { ...keyJson(context, { record }), key: text },
  text: `${text}\n\nThis is the only time that it is shown. Clients send it as x-api-key; its id is ${record.id}.`,
})

const keyJson = (context: PlansContext, { record, usage }: ShownKey) => {
  const { id, plan, owner, createdAtMs, revokedAtMs } = record
  const previous = previousUntilMs(record)
  return {
    id,
    plan,
    ...(owner.kind === 'user' ? { user: userOf(context, owner) } : { application: owner.name }),
    createdAt: isoTime(createdAtMs),
    ...(revokedAtMs === null ? {} : { revokedAt: isoTime(revokedAtMs) }),
    ...(previous === undefined ? {} : { previousUntil: isoTime(previous) }),
    ...(usage && { used: usage.used, remaining: usage.remaining, renewsAt: isoTime(usage.endMs) }),
  }
}

const keysTable = (context: PlansContext, keys: readonly ShownKey[]): string => {
  if (keys.length === 0) return 'There is no API key.'
  const rows = keys.map(({ record, usage }) => {
    const { id, plan, owner, revokedAtMs } = record
    const whose = owner.kind === 'user' ? `user ${userOf(context, owner)}` : `application ${owner.name}`
    const [used, renewsAt] = usage
      ? [`${usage.used} of ${usage.used + usage.remaining}`, isoTime(usage.endMs)]
      : ['', '']
    return [id, plan, used, renewsAt, revokedAtMs === null ? 'valid' : 'revoked', whose]
  })
  return table([['key', 'plan', 'used', 'renews at', 'state', 'of'], ...rows], 5)
}

/** Without the secret of identifiers users have numbers alone. */
const userOf = ({ idsIfAny }: PlansContext, { voter }: ApiKeyOwner & { readonly kind: 'user' }): string =>
  idsIfAny?.userId(voter) ?? `number ${voter}`

const previousUntilMs = ({ secrets }: ApiKeyRecord): number | undefined =>
  secrets.find(({ validUntilMs }) => validUntilMs !== null)?.validUntilMs ?? undefined

const isoTime = (ms: number): string => new Date(ms).toISOString()
