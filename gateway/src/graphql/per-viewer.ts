import type { GraphQLField } from 'graphql'

/** For `@Extensions` on a field whose answer depends on who asks, not only on what they may. */
export const PER_VIEWER = { perViewer: true } as const

/** What cannot be told is not shared. */
export const isPerViewer = (field: GraphQLField<unknown, unknown> | null | undefined): boolean =>
  !field || field.extensions.perViewer === true
