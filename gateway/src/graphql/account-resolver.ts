import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { Arg, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql'
import type { Accounts } from '../accounts.js'
import { callingUser } from '../caller.js'
import { RegisterInput, Session, User } from './account-types.js'
import { type GraphqlContext, requireCaller } from './context.js'
import { checkLogin, checkRegistration } from './input-checks.js'
import { OfOperation } from './of-operation.js'

export interface AccountDeps {
  readonly accounts: Pick<Accounts, 'register' | 'login' | 'username'>
  readonly ids: OpaqueIds
}

@Resolver(() => User)
export class AccountResolver {
  readonly #deps: AccountDeps

  constructor(deps: AccountDeps) {
    this.#deps = deps
  }

  @OfOperation('me')
  @Query(() => User, { description: "The token's user." })
  me(@Ctx() context: GraphqlContext): User {
    const voter = callingUser(requireCaller(context))
    return new User(voter, this.#deps.ids.userId(voter))
  }

  @FieldResolver(() => String, {
    description: 'The name as it was registered; empty for an account that was made in bulk.',
  })
  async username(@Root() user: User): Promise<string> {
    return user.knownUsername ?? (await this.#deps.accounts.username(user.voter))
  }

  @OfOperation('login')
  @Mutation(() => Session, { description: 'Logs in. A wrong password and an unknown user look the same.' })
  async login(
    @Ctx() context: GraphqlContext,
    @Arg('username', () => String, { description: 'As registered; case does not matter.' }) name: string,
    @Arg('password', () => String, { description: 'As registered.' }) password: string,
  ): Promise<Session> {
    checkLogin(name, password)
    const { voter, token, username } = await this.#deps.accounts.login(
      name,
      password,
      context.address?.() ?? '',
    )
    return new Session(token, new User(voter, this.#deps.ids.userId(voter), username))
  }

  @OfOperation('register')
  @Mutation(() => User, {
    description: 'Registers a user. Needs a token with the scope `accounts:register`: an application token.',
  })
  async register(
    @Ctx() context: GraphqlContext,
    @Arg('input', () => RegisterInput, { description: 'The new account.' }) input: RegisterInput,
  ): Promise<User> {
    const caller = requireCaller(context)
    const registration = checkRegistration(input)
    const voter = await this.#deps.accounts.register(caller, registration, context.deadline)
    return new User(voter, this.#deps.ids.userId(voter), registration.username)
  }
}
