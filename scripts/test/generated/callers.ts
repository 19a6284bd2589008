import { voterNumber } from '@votestream/schema/numbers'
import { USER_SCOPES } from '@votestream/schema/scopes'
import type { Place } from '../hostile/place.js'
import type { Draw } from './draw.js'

export interface Caller {
  readonly userId: string
  /** What stands behind `Authorization:`; undefined: no such header. */
  readonly authorization: string | undefined
}

/** So many users: the same one comes again, and may have voted. */
const USERS = 400
const FIRST_USER = 5_000

export const callerOf = (draw: Draw, place: Place): Caller => {
  const { system } = place
  const number = FIRST_USER + draw.number(USERS)
  const userId = system.ids.userId(voterNumber(number))
  const bearer = (token: string): string => `Bearer ${token}`
  // Nine of ten are let in: behind the door there is more to find.
  if (draw.chance(60)) return { userId, authorization: bearer(system.voter(number).token) }
  if (draw.chance(40))
    return { userId: system.ids.userId(voterNumber(2)), authorization: bearer(place.admin) }
  const expired = (): string =>
    system.tokens.issue({ voter: voterNumber(number), scopes: USER_SCOPES, ttlSeconds: -3_600 })
  const ways: (() => string | undefined)[] = [
    () => bearer(place.application),
    () => bearer(place.application),
    () => bearer(place.viewer),
    () => bearer(expired()),
    () => bearer(place.viewer.slice(0, -draw.number(20) - 1)),
    () => `Basic ${draw.bytes(20).toString('base64')}`,
    () =>
      draw
        .bytes(30)
        .toString('latin1')
        .replace(/[\r\n]/g, ''),
    () => 'Bearer',
    () => undefined,
  ]
  return { userId, authorization: draw.pick(ways)() }
}

/** An event, contestant, vote or user that there is, is not, or cannot be. */
export const idOf = (draw: Draw, place: Place, good: string): string => {
  if (draw.chance(75)) return good
  const { ids } = place.system
  return draw.pick([
    ids.voteId(place.event.number, voterNumber(FIRST_USER + draw.number(USERS))),
    ids.userId(voterNumber(1)),
    place.event.id,
    place.other.contestantIds[0] ?? '',
    good.slice(1),
    `${good}A`,
    `${good}==`,
    good.toLowerCase(),
    'A'.repeat(22),
    '_'.repeat(22),
    draw.text(22),
  ])
}
