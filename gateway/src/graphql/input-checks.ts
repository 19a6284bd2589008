import { type FieldFault, VotestreamError } from '@votestream/schema/errors'
import { CONTESTANTS_MAX } from '@votestream/schema/numbers'
import type { Registration } from '../accounts.js'
import type { EventDraft } from '../events.js'
import { parseDateTime, repeatedName, TEXT_FIELDS, type TextFieldName, textFault } from '../text-fields.js'
import type { RegisterInput } from './account-types.js'
import type { CreateEventInput } from './event-types.js'
import type { VoteMetaInput } from './vote-types.js'

/**
 * Inputs have the right types when they come here; these say whether they hold what they should, by the same
 * rules as REST. Each throws INVALID_FIELDS that names every fault, the fields as in the input.
 */

export const checkLogin = (username: string, password: string): void =>
  refuse([...text('any-username', 'username', username), ...text('any-password', 'password', password)])

/** @throws VotestreamError INVALID_FIELDS */
export const checkRegistration = (input: RegisterInput): Registration => {
  const { username, password, email } = input
  const dateOfBirth = isoText(input.dateOfBirth).slice(0, 10)
  refuse([
    ...text('username', 'username', username),
    ...text('password', 'password', password),
    ...text('email', 'email', email),
    ...text('date-of-birth', 'dateOfBirth', dateOfBirth),
  ])
  return { username, password, email, dateOfBirth }
}

/** @throws VotestreamError INVALID_FIELDS */
export const checkEvent = (input: CreateEventInput): EventDraft => {
  const { name, contestants, opensAt, closesAt, canary } = input
  refuse(contestantCount(contestants.length))
  refuse([
    ...text('event-name', 'name', name),
    ...contestants.flatMap((contestant, index) => [
      ...text('contestant-name', `contestants[${index}].name`, contestant.name),
      ...text('description', `contestants[${index}].description`, contestant.description),
      ...text('image-url', `contestants[${index}].imageUrl`, contestant.imageUrl),
    ]),
    ...time('opensAt', opensAt),
    ...time('closesAt', closesAt),
  ])
  refuse(repeated(contestants.map((contestant) => contestant.name)))
  return {
    name,
    contestants: contestants.map(({ name: own, description, imageUrl }) => ({
      name: own,
      description,
      imageUrl,
    })),
    opensAtMs: opensAt?.getTime() ?? null,
    closesAtMs: closesAt?.getTime() ?? null,
    canary: canary === true,
  }
}

/** @throws VotestreamError INVALID_FIELDS */
export const checkVoteExtras = (
  clientTimestamp: Date | null | undefined,
  meta: VoteMetaInput | null | undefined,
): { clientTimestampMs: number; deviceId: string; appVersion: string } => {
  const { deviceId, appVersion } = meta ?? {}
  refuse([
    ...time('clientTimestamp', clientTimestamp),
    ...(deviceId == null ? [] : text('device-id', 'meta.deviceId', deviceId)),
    ...(appVersion == null ? [] : text('app-version', 'meta.appVersion', appVersion)),
  ])
  return {
    clientTimestampMs: clientTimestamp?.getTime() ?? 0,
    deviceId: deviceId ?? '',
    appVersion: appVersion ?? '',
  }
}

/** @throws VotestreamError INVALID_FIELDS */
export const checkTimes = (times: Readonly<Record<string, Date | null | undefined>>): void =>
  refuse(Object.entries(times).flatMap(([field, value]) => time(field, value)))

const refuse = (fields: readonly FieldFault[]): void => {
  if (fields.length > 0) throw new VotestreamError('INVALID_FIELDS', { fields })
}

const text = (kind: TextFieldName, field: string, value: string): FieldFault[] => {
  const message = textFault(kind, value)
  return message === undefined ? [] : [{ field, message }]
}

const time = (field: string, value: Date | null | undefined): FieldFault[] =>
  value == null || parseDateTime(isoText(value)) !== undefined
    ? []
    : [{ field, message: TEXT_FIELDS['client-timestamp'].rule }]

/** Empty for a time that has no such text: it is then refused as one. */
const isoText = (date: Date): string => (Number.isNaN(date.getTime()) ? '' : date.toISOString())

const contestantCount = (count: number): FieldFault[] => {
  if (count < 1) return [{ field: 'contestants', message: 'must have at least 1 items' }]
  if (count <= CONTESTANTS_MAX) return []
  return [{ field: 'contestants', message: `must have at most ${CONTESTANTS_MAX} items` }]
}

const repeated = (names: readonly string[]): FieldFault[] => {
  const index = repeatedName(names)
  if (index === undefined) return []
  return [{ field: `contestants[${index}].name`, message: 'must differ from the names before it' }]
}
