/** Head sampling: whether a story is told is decided where it begins, and nowhere again. */

/** As OTEL_TRACES_SAMPLER names them. */
export const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const
export type SamplerName = (typeof SAMPLERS)[number]

/** What a client says of the trace that it began. */
export interface Parent {
  readonly traceId: string
  /** Undefined where it leaves that to us. */
  readonly sampled: boolean | undefined
}

export interface HeadSampler {
  /** Of a request that names no trace. */
  begins(): boolean
  /** Of one that goes on with a client's trace. */
  follows(parent: Parent): boolean
}

interface HeadSamplerOptions {
  readonly sampler: SamplerName
  /** From 0 to 1. */
  readonly ratio: number
  /**
   * Whatever clients say, so many of their traces are followed in a second. They decide with their header what is stored
   * here; beyond this the rest is not sampled, so that a client which samples all costs no more than this.
   */
  readonly fromClientsPerSecondMax: number
  /**
   * So many are begun by lot in a second at most. A share of a peak is more than anybody looks at, and a sampled vote costs
   * every service a hundred times what another one does. Who wants all of them (`always_on`) gets all.
   */
  readonly byLotPerSecondMax?: number
  /** The same answer for the same trace, whoever asks. */
  readonly samplesTrace: (traceId: string) => boolean
  /** A client's trace was not followed, though it asked to be. */
  readonly onRefused?: () => void
  readonly random?: () => number
  /** A clock that never goes back, milliseconds. */
  readonly now?: () => number
}

export const createHeadSampler = (options: HeadSamplerOptions): HeadSampler => {
  const { sampler, ratio, fromClientsPerSecondMax, samplesTrace, onRefused } = options
  const { byLotPerSecondMax = Number.POSITIVE_INFINITY } = options
  const { random = Math.random, now = () => performance.now() } = options
  const share = shareOf(sampler, ratio)
  const takeByLot = createAllowance(byLotPerSecondMax, now)
  const takeFromClients = createAllowance(fromClientsPerSecondMax, now)

  const hasRoom = (): boolean => {
    if (takeFromClients()) return true
    onRefused?.()
    return false
  }

  const wants = (traceId: string, sampled: boolean): boolean =>
    sampler.startsWith('parentbased') ? sampled : share > 0 && (share >= 1 || samplesTrace(traceId))

  // No trace id is made of what is not sampled: chance stands for it.
  const begins = (): boolean => share > 0 && random() < share && (share >= 1 || takeByLot())

  return {
    begins,
    follows: ({ traceId, sampled }) =>
      sampled === undefined ? begins() : wants(traceId, sampled) && hasRoom(),
  }
}

/** Takes one of those that each second has, if any is left. */
const createAllowance = (perSecondMax: number, now: () => number): (() => boolean) => {
  let secondMs = Number.NEGATIVE_INFINITY
  let taken = 0
  return () => {
    const atMs = now()
    if (atMs - secondMs >= 1_000) {
      secondMs = atMs
      taken = 0
    }
    if (taken >= perSecondMax) return false
    taken += 1
    return true
  }
}

/** Of the requests that name no trace. */
const shareOf = (sampler: SamplerName, ratio: number): number => {
  if (sampler.endsWith('always_on')) return 1
  return sampler.endsWith('always_off') ? 0 : ratio
}
