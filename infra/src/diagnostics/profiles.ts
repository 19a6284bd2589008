import { setTimeout as pause } from 'node:timers/promises'
import { createSourceMapper } from './source-mapper.js'

export const PROFILE_KINDS = ['cpu', 'heap'] as const
export type ProfileKind = (typeof PROFILE_KINDS)[number]

/** Each takes so many seconds, and gives a profile in pprof's format, gzipped. */
export type Profiles = Readonly<Record<ProfileKind, (seconds: number) => Promise<Uint8Array>>>

/** A look at the stack so often: 200 a second cost a busy process 2 to 4 % of its time, 1,000 would cost 6. */
const CPU_INTERVAL_MICROSECONDS = 5_000
/** One sample in so many bytes that are allocated, with so many callers: V8's own defaults for long use. */
const HEAP_INTERVAL_BYTES = 512 * 1024
const HEAP_DEPTH = 64

interface ProfilesOptions {
  /** Then a heap profile knows everything that is alive; otherwise what was allocated since it was asked for. */
  readonly heapFromStart: boolean
}

/** What this process does with its time and its memory. The library is loaded for whoever asks first. */
export const createProfiles = async ({ heapFromStart }: ProfilesOptions): Promise<Profiles> => {
  if (heapFromStart) (await library()).heap.start(HEAP_INTERVAL_BYTES, HEAP_DEPTH)
  return {
    async cpu(seconds) {
      const { time, encode } = await library()
      const sourceMapper = await createSourceMapper()
      return encode(
        await time.profile({
          durationMillis: seconds * 1_000,
          intervalMicros: CPU_INTERVAL_MICROSECONDS,
          lineNumbers: false,
          sourceMapper,
        }),
      )
    },
    async heap(seconds) {
      const { heap, encode } = await library()
      const sourceMapper = await createSourceMapper()
      if (heapFromStart) return encode(heap.profile(undefined, sourceMapper))
      heap.start(HEAP_INTERVAL_BYTES, HEAP_DEPTH)
      try {
        await pause(seconds * 1_000)
        return await encode(heap.profile(undefined, sourceMapper))
      } finally {
        heap.stop()
      }
    },
  }
}

const library = () => import('@datadog/pprof')
