import { VotestreamError } from '@votestream/schema/errors'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import type { Revoked } from '@votestream/schema/revocation-record'
import { Arg, Ctx, Field, ID, InputType, Mutation, Resolver } from 'type-graphql'
import { callingUser } from '../caller.js'
import { requireIds } from '../identifiers.js'
import type { Revoking } from '../revoking.js'
import { tokenId } from '../tokens.js'
import { type GraphqlContext, requireCaller } from './context.js'
import { OfOperation } from './of-operation.js'

export interface RevocationDeps {
  readonly revoking: Revoking
  readonly ids: OpaqueIds
}

@InputType({ description: 'What is taken back: name one of them.' })
export class RevokeTokensInput {
  @Field(() => String, { nullable: true, description: 'This one, as it was issued.' })
  readonly token?: string | null

  @Field(() => ID, { nullable: true, description: 'All of this user.' })
  readonly userId?: string | null

  @Field(() => Boolean, { nullable: true, description: 'All there are, of applications and operators too.' })
  readonly all?: boolean | null

  @Field(() => Date, {
    nullable: true,
    description: 'Of a user and of all: those issued before it; without it, before now.',
  })
  readonly before?: Date | null
}

@Resolver()
export class RevocationResolver {
  readonly #deps: RevocationDeps

  constructor(deps: RevocationDeps) {
    this.#deps = deps
  }

  @OfOperation('logout')
  @Mutation(() => Boolean, {
    description:
      "Takes back all tokens of the token's user, this one included. Live connections with one end within a second.",
  })
  async logout(@Ctx() context: GraphqlContext): Promise<boolean> {
    const voter = callingUser(requireCaller(context))
    await this.#deps.revoking.revoke({ kind: 'user', voter })
    return true
  }

  @OfOperation('revokeTokens')
  @Mutation(() => Boolean, {
    description: 'Takes tokens back. Live connections with one end within a second. Scope `admin`.',
  })
  async revokeTokens(
    @Arg('input', () => RevokeTokensInput, { description: 'Which.' }) input: RevokeTokensInput,
  ): Promise<boolean> {
    await this.#deps.revoking.revoke(this.#revokedOf(input), input.before?.getTime())
    return true
  }

  #revokedOf({ token, userId, all, before }: RevokeTokensInput): Revoked {
    const named = [token != null, userId != null, all === true].filter(Boolean).length
    const fault = (field: string, message: string) =>
      new VotestreamError('INVALID_FIELDS', { fields: [{ field, message }] })
    if (named !== 1) throw fault('input', 'must name one of token, userId and all')
    if (token != null) {
      if (before != null) throw fault('before', 'is not for a token')
      const named = tokenId(token)
      if (named === undefined) throw fault('token', 'must be a token as it was issued')
      return { kind: 'token', tokenId: named }
    }
    if (userId != null) {
      return { kind: 'user', voter: requireIds({ userId: this.#deps.ids.parseUserId(userId) }).userId }
    }
    return { kind: 'all' }
  }
}
