import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import type { Client } from '../demo/client.js'
import type { VotedEvent } from './load.js'
import type { Voter } from './voters.js'

const CONTESTANTS = 5
/**
 * Every other event is made with a beginning that is just past and an end that no run reaches: whoever asks a
 * wrong clock about them refuses votes that he must take.
 */
const OPENED_MS = 60_000
const CLOSES_AFTER_RUN_MS = 10 * 60_000

interface EventsToMake {
  readonly client: Client
  readonly ids: OpaqueIds
  readonly host: Voter
  readonly count: number
  /** How long the run takes at most. */
  readonly runMs: number
}

export const createVotedEvents = async (options: EventsToMake): Promise<VotedEvent[]> => {
  const events: VotedEvent[] = []
  for (let index = 0; index < options.count; index += 1) {
    const made = await (index % 2 === 0 ? withTimes(options, index) : openAtOnce(options, index))
    const number = options.ids.parseEventId(made.id)
    if (number === undefined) throw new Error('the event has no number')
    events.push({ ...made, number })
  }
  return events
}

type Made = Pick<VotedEvent, 'id' | 'contestantIds'>

const CREATE_EVENT =
  'mutation Create($input: CreateEventInput!) { createEvent(input: $input) { id contestants { id } } }'

const withTimes = async ({ client, host, runMs }: EventsToMake, index: number): Promise<Made> => {
  const nowMs = Date.now()
  const input = {
    name: `Chaos ${index}`,
    opensAt: new Date(nowMs - OPENED_MS).toISOString(),
    closesAt: new Date(nowMs + runMs + CLOSES_AFTER_RUN_MS).toISOString(),
    contestants: Array.from({ length: CONTESTANTS }, (_, place) => ({
      name: `Contestant ${place}`,
      description: 'Stands fast.',
      imageUrl: 'https://images.example.com/1.jpg',
    })),
  }
  const { createEvent } = await client.execute<{
    createEvent: { id: string; contestants: { id: string }[] }
  }>(CREATE_EVENT, { input }, { token: host.token })
  return { id: createEvent.id, contestantIds: createEvent.contestants.map(({ id }) => id) }
}

const openAtOnce = async ({ client, host }: EventsToMake, index: number): Promise<Made> => {
  const made = await client.call<{ event_id: string; contestants: { contestant_id: string }[] }>(
    'POST',
    '/v1/event/create',
    {
      token: host.token,
      body: {
        user_id: host.userId,
        event_name: `Chaos ${index}`,
        contestants: Array.from({ length: CONTESTANTS }, (_, place) => ({
          contestant_name: `Contestant ${place}`,
          contestant_description: 'Stands fast.',
          contestant_image_url: 'https://images.example.com/1.jpg',
        })),
      },
    },
  )
  return { id: made.event_id, contestantIds: made.contestants.map(({ contestant_id }) => contestant_id) }
}
