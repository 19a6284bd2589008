import type { VoterNumber } from '@votestream/schema/numbers'
import { GraphQLDate } from 'graphql-scalars'
import { Field, ID, InputType, ObjectType } from 'type-graphql'

@ObjectType({ description: 'Somebody who has an account.' })
export class User {
  /** Undefined where the username is to be looked up. */
  readonly knownUsername: string | undefined
  readonly voter: VoterNumber

  @Field(() => ID, { description: "The user's identifier, as in the token." })
  readonly id: string

  constructor(voter: VoterNumber, id: string, username?: string) {
    this.voter = voter
    this.id = id
    this.knownUsername = username
  }
}

@ObjectType({ description: 'What a login gives.' })
export class Session {
  @Field(() => String, {
    description: 'A bearer token that votes, creates events and reads: `Authorization: Bearer <token>`.',
  })
  readonly token: string

  @Field(() => User, { description: 'Who logged in.' })
  readonly user: User

  constructor(token: string, user: User) {
    this.token = token
    this.user = user
  }
}

@InputType({ description: 'A new account.' })
export class RegisterInput {
  @Field(() => String, { description: 'Unique; case does not matter. 3 to 64 characters.' })
  readonly username!: string

  @Field(() => String, { description: '8 to 256 characters.' })
  readonly password!: string

  @Field(() => String, { description: 'An email address.' })
  readonly email!: string

  @Field(() => GraphQLDate, { description: 'A day in the past, not before 1900.' })
  readonly dateOfBirth!: Date
}
