import type { PlanDraft, PlanRecord, Quota, QuotaPeriod } from '@votestream/schema/usage-plan'
import { table } from '../bench/table.js'
import { numberOf, type PlansCommand, type Values } from './plans-command.js'

const OPTIONS = {
  rate: { type: 'string' },
  burst: { type: 'string' },
  quota: { type: 'string' },
  per: { type: 'string' },
} as const
const WORDS = 'NAME --rate 100 --burst 200 [--quota 100000 --per day]'

const list: PlansCommand = {
  usage: ['list', 'all usage plans'],
  options: {},
  takes: [],
  async run({ plans }) {
    const all = await plans.listPlans()
    return { json: all.map(planJson), text: plansTable(all) }
  },
}

const create: PlansCommand = {
  usage: [`create ${WORDS}`, 'a plan; rate in requests a second, quota per day, week or month (UTC)'],
  options: OPTIONS,
  takes: ['NAME'],
  async run({ plans }, values, [name = '']) {
    const plan = await plans.createPlan(draftOf(name, values))
    return { json: planJson(plan), text: `${plansTable([plan])}\n\nIt was created.` }
  },
}

const change: PlansCommand = {
  usage: [`change ${WORDS}`, 'holds for its keys at once'],
  options: OPTIONS,
  takes: ['NAME'],
  async run({ plans }, values, [name = '']) {
    const plan = await plans.changePlan(draftOf(name, values))
    return { json: planJson(plan), text: `${plansTable([plan])}\n\nIt was changed.` }
  },
}

const remove: PlansCommand = {
  usage: ['remove NAME', 'a plan that no key goes by'],
  options: {},
  takes: ['NAME'],
  async run({ plans }, _values, [name = '']) {
    await plans.removePlan(name)
    return { json: { removed: name }, text: `The plan ${name} was removed.` }
  },
}

export const planCommands: Readonly<Record<string, PlansCommand>> = { list, create, change, remove }

const draftOf = (name: string, { rate, burst, quota, per }: Values): PlanDraft => ({
  name,
  ratePerSecond: numberOf('rate', rate),
  burst: numberOf('burst', burst),
  quota: quotaOf(quota, per),
})

const quotaOf = (quota: Values[string], per: Values[string]): Quota | null => {
  if ((quota === undefined) !== (per === undefined)) throw new Error('say both --quota and --per, or neither')
  // What is no period is refused with all else that is wrong.
  return quota === undefined ? null : { limit: numberOf('quota', quota), period: per as QuotaPeriod }
}

const planJson = ({ name, ratePerSecond, burst, quota, createdAtMs }: PlanRecord) => ({
  ...{ name, ratePerSecond, burst, quota },
  createdAt: new Date(createdAtMs).toISOString(),
})

const plansTable = (plans: readonly PlanRecord[]): string => {
  if (plans.length === 0) return 'There is no usage plan.'
  const rows = plans.map(({ name, ratePerSecond, burst, quota }) => [
    name,
    `${ratePerSecond}/s`,
    String(burst),
    quota ? `${quota.limit} a ${quota.period}` : 'none',
  ])
  return table([['plan', 'rate', 'burst', 'quota'], ...rows], 0)
}
