import { type ApiKeyOwner, type ApiKeyRecord, apiKeyIdFaults } from '@votestream/schema/api-key-record'
import { invalidField, VotestreamError } from '@votestream/schema/errors'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import type { PlanRecord } from '@votestream/schema/usage-plan'
import { Arg, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql'
import type { WatchedApiKeys } from '../admission/api-keys.js'
import type { KeyUsage } from '../admission/key-usage.js'
import type { IssuedKey, UsagePlans } from '../admission/usage-plans.js'
import { requireIds } from '../identifiers.js'
import { LIST_COST } from './answer-budget.js'
import { type GraphqlContext, requireCaller } from './context.js'
import { OfOperation } from './of-operation.js'
import {
  ApiKey,
  CreateApiKeyInput,
  IssuedApiKey,
  QuotaUsage,
  UsagePlan,
  UsagePlanInput,
} from './plan-types.js'

export interface PlanDeps {
  readonly usagePlans: UsagePlans
  readonly apiKeys: Pick<WatchedApiKeys, 'identify' | 'ownedBy' | 'find'>
  readonly keyUsage: KeyUsage
  readonly ids: OpaqueIds
}

const PAGE_DEFAULT = 100
const PAGE_MAX = 500
const GRACE_SECONDS = 86_400
/** A question to the broker. */
const USAGE_COST = 100

@Resolver(() => ApiKey)
export class PlanResolver {
  readonly #deps: PlanDeps

  constructor(deps: PlanDeps) {
    this.#deps = deps
  }

  @OfOperation('managePlans')
  @Query(() => [UsagePlan], { description: 'All usage plans, by name. Scope `admin`.' })
  async usagePlans(@Ctx() context: GraphqlContext): Promise<UsagePlan[]> {
    context.budget.spend(LIST_COST)
    return (await this.#deps.usagePlans.listPlans()).map((plan) => new UsagePlan(plan))
  }

  @OfOperation('managePlans')
  @Query(() => [ApiKey], { description: 'API keys by their ids, revoked ones, too. Scope `admin`.' })
  async apiKeys(
    @Ctx() context: GraphqlContext,
    @Arg('plan', () => String, { nullable: true, description: 'Only those of this usage plan.' })
    plan: string | null | undefined,
    @Arg('first', () => Int, { nullable: true, description: 'How many: 1 to 500, by default 100.' })
    first: number | null | undefined,
    @Arg('after', () => ID, { nullable: true, description: 'Go on behind the key with this id.' })
    after: string | null | undefined,
  ): Promise<ApiKey[]> {
    const count = first ?? PAGE_DEFAULT
    if (count < 1 || count > PAGE_MAX) throw invalidField('first', `must be from 1 to ${PAGE_MAX}`)
    const fields = after == null ? [] : apiKeyIdFaults('after', after)
    if (fields.length > 0) throw new VotestreamError('INVALID_FIELDS', { fields })
    context.budget.spend(LIST_COST)
    const { usagePlans } = this.#deps
    const [plans, keys] = await Promise.all([usagePlans.listPlans(), usagePlans.listKeys()])
    const planOf = new Map(plans.map((each) => [each.name, each]))
    return keys
      .filter((key) => (plan == null || key.plan === plan) && (after == null || key.id > after))
      .slice(0, count)
      .map((key) => this.#view(key, planOf.get(key.plan)))
  }

  @OfOperation('myApiKeys')
  @Query(() => [ApiKey], {
    description:
      "The API keys of the token's user that are valid, the newest first, 100 at most; behind them the key that came " +
      'with the request, if it is not one of them. Any token.',
  })
  myApiKeys(@Ctx() context: GraphqlContext): ApiKey[] {
    const { voter } = requireCaller(context)
    const { apiKeys } = this.#deps
    const own = voter === undefined ? [] : apiKeys.ownedBy(voter)
    const shownKey = context.apiKey === undefined ? undefined : apiKeys.identify(context.apiKey)
    const shown = shownKey && apiKeys.find(shownKey.id)
    const isOwn = own.some(({ record }) => record.id === shown?.record.id)
    const all = shown && !isOwn ? [...own, shown] : own
    context.budget.spend(all.length)
    return all.map(({ record, plan }) => this.#view(record, plan))
  }

  @FieldResolver(() => QuotaUsage, {
    nullable: true,
    description:
      'How far its quota is used up. Null where the plan has none, and for a key that was revoked.',
  })
  async usage(@Root() { record, plan }: ApiKey, @Ctx() context: GraphqlContext): Promise<QuotaUsage | null> {
    const quota = plan?.quota
    if (!quota || record.revokedAtMs !== null) return null
    context.budget.spend(USAGE_COST)
    return new QuotaUsage(quota, await this.#deps.keyUsage(record.id, quota))
  }

  @OfOperation('managePlans')
  @Mutation(() => UsagePlan, { description: 'Creates a usage plan. Scope `admin`.' })
  async createUsagePlan(
    @Arg('input', () => UsagePlanInput, { description: 'The new plan.' }) input: UsagePlanInput,
  ): Promise<UsagePlan> {
    return new UsagePlan(await this.#deps.usagePlans.createPlan({ ...input, quota: input.quota ?? null }))
  }

  @OfOperation('managePlans')
  @Mutation(() => UsagePlan, {
    description:
      'Changes a usage plan; its keys go by it at once. What they used of the period counts on, unless the quota is for ' +
      'another kind of period now. Scope `admin`.',
  })
  async changeUsagePlan(
    @Arg('input', () => UsagePlanInput, { description: 'The plan of this name, as it shall be.' })
    input: UsagePlanInput,
  ): Promise<UsagePlan> {
    return new UsagePlan(await this.#deps.usagePlans.changePlan({ ...input, quota: input.quota ?? null }))
  }

  @OfOperation('managePlans')
  @Mutation(() => String, { description: 'Removes a usage plan that no key goes by. Scope `admin`.' })
  async removeUsagePlan(
    @Arg('name', () => String, { description: 'Its name, which is the answer, too.' }) name: string,
  ): Promise<string> {
    await this.#deps.usagePlans.removePlan(name)
    return name
  }

  @OfOperation('managePlans')
  @Mutation(() => IssuedApiKey, {
    description: 'Creates an API key. Its text is shown this once. Scope `admin`.',
  })
  async createApiKey(
    @Arg('input', () => CreateApiKeyInput, { description: 'The new key.' }) input: CreateApiKeyInput,
  ): Promise<IssuedApiKey> {
    const owner = this.#ownerOf(input)
    return this.#issued(await this.#deps.usagePlans.createKey({ plan: input.plan, owner }))
  }

  @OfOperation('managePlans')
  @Mutation(() => IssuedApiKey, {
    description:
      'Gives an API key another text, shown this once. The one before is taken for a while longer. Scope `admin`.',
  })
  async rotateApiKey(
    @Arg('id', () => ID, { description: 'The key.' }) id: string,
    @Arg('graceSeconds', () => Int, {
      nullable: true,
      description: 'How long the text before is taken: 0 to 2,592,000, by default 86,400, a day.',
    })
    graceSeconds: number | null | undefined,
  ): Promise<IssuedApiKey> {
    return this.#issued(await this.#deps.usagePlans.rotateKey(id, graceSeconds ?? GRACE_SECONDS))
  }

  @OfOperation('managePlans')
  @Mutation(() => ApiKey, {
    description:
      'Revokes an API key, once and for all: every gateway refuses it within a second. Scope `admin`.',
  })
  async revokeApiKey(@Arg('id', () => ID, { description: 'The key.' }) id: string): Promise<ApiKey> {
    return this.#viewWithPlan(await this.#deps.usagePlans.revokeKey(id))
  }

  @OfOperation('managePlans')
  @Mutation(() => ID, { description: 'Forgets an API key that was revoked. Scope `admin`.' })
  async removeApiKey(
    @Arg('id', () => ID, { description: 'The key, whose id is the answer, too.' }) id: string,
  ): Promise<string> {
    await this.#deps.usagePlans.removeKey(id)
    return id
  }

  /** @throws VotestreamError INVALID_FIELDS, INVALID_ID */
  #ownerOf({ userId, application }: CreateApiKeyInput): ApiKeyOwner {
    if ((userId == null) === (application == null))
      throw invalidField('userId', 'say either this or application')
    if (application != null) return { kind: 'application', name: application }
    const { userId: voter } = requireIds({ userId: this.#deps.ids.parseUserId(userId ?? '') })
    return { kind: 'user', voter }
  }

  #view(record: ApiKeyRecord, plan: PlanRecord | undefined): ApiKey {
    const { owner } = record
    return new ApiKey(record, plan, owner.kind === 'user' ? this.#deps.ids.userId(owner.voter) : null)
  }

  async #viewWithPlan(record: ApiKeyRecord): Promise<ApiKey> {
    const plans = await this.#deps.usagePlans.listPlans()
    return this.#view(
      record,
      plans.find(({ name }) => name === record.plan),
    )
  }

  async #issued({ record, text }: IssuedKey): Promise<IssuedApiKey> {
    return new IssuedApiKey(text, await this.#viewWithPlan(record))
  }
}
