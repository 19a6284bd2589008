import type { Client } from '../demo/client.js'
import type { VotedEvent } from '../load/polling-station.js'
import type { Voter } from '../load/voters.js'

export const CREATE_CANARY =
  'mutation SyntheticCreate($input: CreateEventInput!) { createEvent(input: $input) { id contestants { id } } }'
export const CLOSE_CANARY = 'mutation SyntheticClose($id: ID!) { closeEvent(id: $id) { id } }'

interface CanaryOptions {
  readonly contestants: number
  /** Closed by then at the latest, also when nobody is left to close it; milliseconds since 1970. */
  readonly closesAtMs: number
}

/** An event that lists and analysts leave out. @throws RequestError */
export const createCanaryEvent = async (
  client: Client,
  { token }: Voter,
  { contestants, closesAtMs }: CanaryOptions,
): Promise<VotedEvent> => {
  const input = {
    name: `Canary, ${new Date().toISOString().slice(0, 19).replace('T', ' ')}`,
    canary: true,
    closesAt: new Date(closesAtMs).toISOString(),
    contestants: Array.from({ length: contestants }, (_, index) => ({
      name: `Canary ${index + 1}`,
      description: 'A check of the system itself.',
      imageUrl: 'https://images.example.com/canary.jpg',
    })),
  }
  const { createEvent: made } = await client.execute<{
    createEvent: { id: string; contestants: { id: string }[] }
  }>(CREATE_CANARY, { input }, { token })
  return { id: made.id, contestantIds: made.contestants.map(({ id }) => id) }
}

/** @throws RequestError */
export const closeCanaryEvent = async (
  client: Client,
  { token }: Voter,
  { id }: VotedEvent,
): Promise<void> => {
  await client.execute(CLOSE_CANARY, { id }, { token })
}
