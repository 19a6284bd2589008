import { JetStreamApiCodes, JetStreamApiError, JetStreamError } from '@nats-io/jetstream'
import { errors } from '@nats-io/nats-core'
import type { Nats } from '@votestream/infra/nats'
import { VotestreamError } from '@votestream/schema/errors'

/** Calls to the buckets, with every way in which the broker can fail told apart from a fault of ours. */
export type Store = <Value>(call: () => Promise<Value>) => Promise<Value>

const BROKER_FAILURES = [
  errors.TimeoutError,
  errors.RequestError,
  errors.NoRespondersError,
  errors.ConnectionError,
  errors.ClosedConnectionError,
  errors.DrainingConnectionError,
  JetStreamApiError,
  JetStreamError,
]

export const unavailable = (cause?: unknown): VotestreamError =>
  new VotestreamError('STORE_UNAVAILABLE', { retryAfterSeconds: 1, cause })

/** While the broker is away a call fails at once, with STORE_UNAVAILABLE: it would only wait for its timeout. */
export const createStore =
  (nats: Pick<Nats, 'connected'>): Store =>
  async (call) => {
    if (!nats.connected()) throw unavailable()
    try {
      return await call()
    } catch (error) {
      if (isBrokerFailure(error)) throw unavailable(error)
      throw error
    }
  }

/** "No responders" comes wrapped in an error of a class that the library keeps to itself. */
const isBrokerFailure = (error: unknown): boolean =>
  BROKER_FAILURES.some(
    (failure) => error instanceof failure || (error instanceof Error && error.cause instanceof failure),
  )

/** Whether a compare-and-set found another revision than it expected. */
export const isConflict = (error: unknown): boolean =>
  error instanceof JetStreamApiError &&
  (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
    error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
