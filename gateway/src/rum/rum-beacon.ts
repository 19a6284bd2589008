import { type Static, Type } from '@fastify/type-provider-typebox'

/** What a page measures of its visitors' time, in seconds. */
export const RUM_MEASURES = ['vote_to_seen', 'connect_to_first_board', 'lcp', 'inp', 'ttfb', 'fcp'] as const
export type RumMeasure = (typeof RUM_MEASURES)[number]

/** What went wrong on a page: no more is told of it, since its words may hold what a person wrote. */
export const RUM_ERROR_KINDS = ['script', 'rejection'] as const
export type RumErrorKind = (typeof RUM_ERROR_KINDS)[number]

export const BEACON_BYTES_MAX = 4_096
const SAMPLES_MAX = 40
const SECONDS_MAX = 600
const LAYOUT_SHIFT_MAX = 100
const ERRORS_MAX = 100

const closed = { additionalProperties: false }
const count = () => Type.Optional(Type.Integer({ minimum: 1, maximum: ERRORS_MAX }))

/** Anybody may send one: what is not exactly this is refused, and nothing of it is recorded. */
export const beaconBody = Type.Object(
  {
    samples: Type.Optional(
      Type.Array(
        Type.Object(
          {
            measure: Type.Unsafe<RumMeasure>(Type.String({ enum: [...RUM_MEASURES] })),
            seconds: Type.Number({ minimum: 0, maximum: SECONDS_MAX }),
          },
          closed,
        ),
        { maxItems: SAMPLES_MAX },
      ),
    ),
    layout_shift: Type.Optional(Type.Number({ minimum: 0, maximum: LAYOUT_SHIFT_MAX })),
    errors: Type.Optional(Type.Object({ script: count(), rejection: count() }, closed)),
  },
  closed,
)

export type Beacon = Static<typeof beaconBody>

/** Where measures go. */
export interface RumSink {
  measured(measure: RumMeasure, seconds: number): void
  shifted(layoutShift: number): void
  erred(kind: RumErrorKind, count: number): void
}

export const record = (
  { samples = [], layout_shift, errors = {} }: Beacon,
  sinks: readonly RumSink[],
): void => {
  for (const sink of sinks) {
    for (const { measure, seconds } of samples) sink.measured(measure, seconds)
    if (layout_shift !== undefined) sink.shifted(layout_shift)
    for (const kind of RUM_ERROR_KINDS) if (errors[kind] !== undefined) sink.erred(kind, errors[kind])
  }
}
