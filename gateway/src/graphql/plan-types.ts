import type { ApiKeyRecord } from '@votestream/schema/api-key-record'
import type { PlanRecord, Quota as QuotaOfPlan, QuotaPeriod } from '@votestream/schema/usage-plan'
import { GraphQLSafeInt } from 'graphql-scalars'
import { Field, Float, ID, InputType, Int, ObjectType, registerEnumType } from 'type-graphql'
import type { Usage } from '../admission/quota-decision.js'

export const QUOTA_PERIOD_NAMES = { DAY: 'day', WEEK: 'week', MONTH: 'month' } as const
registerEnumType(QUOTA_PERIOD_NAMES, {
  name: 'QuotaPeriod',
  description: 'What a quota is for. Periods begin and end by UTC.',
  valuesConfig: {
    DAY: { description: 'A day.' },
    WEEK: { description: 'A week, from Monday.' },
    MONTH: { description: 'A month of the calendar.' },
  },
})

@ObjectType({ description: 'How many requests a key may make in a period.' })
export class Quota {
  @Field(() => GraphQLSafeInt, { description: 'Requests in one period; each mutation of a document is one.' })
  readonly limit: number

  @Field(() => QUOTA_PERIOD_NAMES, { description: 'How long a period is.' })
  readonly period: QuotaPeriod

  constructor({ limit, period }: QuotaOfPlan) {
    this.limit = limit
    this.period = period
  }
}

@ObjectType({ description: 'What the API keys of a plan may do.' })
export class UsagePlan {
  @Field(() => String, { description: 'Its name, which keys name.' })
  readonly name: string

  @Field(() => Float, { description: 'Requests a second in the long run.' })
  readonly ratePerSecond: number

  @Field(() => Int, { description: 'Requests at once.' })
  readonly burst: number

  @Field(() => Quota, { nullable: true, description: 'Null: no other limit than the rate.' })
  readonly quota: Quota | null

  @Field(() => Date, { description: 'When it was created.' })
  readonly createdAt: Date

  constructor({ name, ratePerSecond, burst, quota, createdAtMs }: PlanRecord) {
    this.name = name
    this.ratePerSecond = ratePerSecond
    this.burst = burst
    this.quota = quota && new Quota(quota)
    this.createdAt = new Date(createdAtMs)
  }
}

@ObjectType({ description: 'How far a quota is used up.' })
export class QuotaUsage extends Quota {
  @Field(() => GraphQLSafeInt, { description: 'Requests of this period, as of a second ago at most.' })
  readonly used: number

  @Field(() => GraphQLSafeInt, { description: 'What is left of the period.' })
  readonly remaining: number

  @Field(() => Date, { description: 'When the period began.' })
  readonly startedAt: Date

  @Field(() => Date, { description: 'When the next period begins.' })
  readonly renewsAt: Date

  constructor(quota: QuotaOfPlan, { used, remaining, startMs, endMs }: Usage) {
    super(quota)
    this.used = used
    this.remaining = remaining
    this.startedAt = new Date(startMs)
    this.renewsAt = new Date(endMs)
  }
}

@ObjectType({ description: "A client's key, which it sends as `x-api-key`." })
export class ApiKey {
  readonly record: ApiKeyRecord

  @Field(() => ID, { description: 'Its identifier, which is no secret.' })
  readonly id: string

  @Field(() => UsagePlan, { nullable: true, description: 'Null for a plan that is gone.' })
  readonly plan: UsagePlan | null

  @Field(() => ID, { nullable: true, description: 'The user whose key it is.' })
  readonly userId: string | null

  @Field(() => String, { nullable: true, description: 'The application whose key it is.' })
  readonly application: string | null

  @Field(() => Date, { description: 'When it was created.' })
  readonly createdAt: Date

  @Field(() => Date, { nullable: true, description: 'When it was revoked.' })
  readonly revokedAt: Date | null

  @Field(() => Date, {
    nullable: true,
    description: 'Until when the text is taken that it had before it was rotated.',
  })
  readonly previousUntil: Date | null

  constructor(record: ApiKeyRecord, plan: PlanRecord | undefined, userId: string | null) {
    const { id, owner, secrets, createdAtMs, revokedAtMs } = record
    this.record = record
    this.id = id
    this.plan = plan ? new UsagePlan(plan) : null
    this.userId = userId
    this.application = owner.kind === 'application' ? owner.name : null
    this.createdAt = new Date(createdAtMs)
    this.revokedAt = revokedAtMs === null ? null : new Date(revokedAtMs)
    const untilMs = secrets.find(({ validUntilMs }) => validUntilMs !== null)?.validUntilMs
    this.previousUntil = untilMs == null ? null : new Date(untilMs)
  }
}

@ObjectType({ description: 'An API key with its text, which is shown this once.' })
export class IssuedApiKey {
  @Field(() => String, {
    description: 'What the client sends as `x-api-key`. Nobody can find it out afterwards.',
  })
  readonly text: string

  @Field(() => ApiKey, { description: 'The key.' })
  readonly apiKey: ApiKey

  constructor(text: string, apiKey: ApiKey) {
    this.text = text
    this.apiKey = apiKey
  }
}

@InputType({ description: 'How many requests a key may make in a period.' })
export class QuotaInput {
  @Field(() => GraphQLSafeInt, { description: 'Requests in one period: 1 to 1,000,000,000,000.' })
  readonly limit!: number

  @Field(() => QUOTA_PERIOD_NAMES, { description: 'How long a period is.' })
  readonly period!: QuotaPeriod
}

@InputType({ description: 'What the API keys of a plan may do.' })
export class UsagePlanInput {
  @Field(() => String, { description: '1 to 64 lower-case letters, digits, `-` and `_`.' })
  readonly name!: string

  @Field(() => Float, { description: 'Requests a second in the long run: 0.01 to 250,000.' })
  readonly ratePerSecond!: number

  @Field(() => Int, { description: 'Requests at once: 1 to 250,000.' })
  readonly burst!: number

  @Field(() => QuotaInput, { nullable: true, description: 'Left out: no other limit than the rate.' })
  readonly quota?: QuotaInput | null
}

@InputType({ description: 'A new API key: of a user, or of an application.' })
export class CreateApiKeyInput {
  @Field(() => String, { description: 'The name of its usage plan.' })
  readonly plan!: string

  @Field(() => ID, { nullable: true, description: 'The user whose key it is.' })
  readonly userId?: string | null

  @Field(() => String, {
    nullable: true,
    description: 'The application whose key it is: 1 to 100 characters.',
  })
  readonly application?: string | null
}
