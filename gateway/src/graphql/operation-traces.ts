import { ATTRIBUTES } from '@votestream/infra/telemetry/attributes'
import type { OpenSpan, SpanDescription, Tracing } from '@votestream/infra/telemetry/tracing'
import { ERRORS, type ErrorCode } from '@votestream/schema/errors'
import { Kind, type OperationDefinitionNode } from 'graphql'
import { noteCode } from '../request-traces.js'
import type { GraphqlContext } from './context.js'

/** The spans of operations: over HTTP within that of their request, on a socket by themselves. */

const NAME_LENGTH_MAX = 64

/**
 * Named for the type and the first field, of which the schema has only so many; clients may call their operations
 * whatever they like.
 */
export const describeOperation = (
  { operation, name, selectionSet }: OperationDefinitionNode,
  kind: SpanDescription['kind'],
): SpanDescription => {
  const field = selectionSet.selections.find((selection) => selection.kind === Kind.FIELD)
  return {
    name: field ? `${operation} ${field.name.value}` : operation,
    kind,
    attributes: {
      [ATTRIBUTES.graphqlType]: operation,
      ...(name ? { [ATTRIBUTES.graphqlName]: name.value.slice(0, NAME_LENGTH_MAX) } : {}),
    },
  }
}

/** What the operation does is part of its span from then on. @returns undefined where its request is not sampled */
export const beginOperation = (
  context: Pick<GraphqlContext, 'trace'>,
  definition: OperationDefinitionNode | null | undefined,
): OpenSpan | undefined => {
  if (!context.trace || !definition) return undefined
  const span = context.trace.child(describeOperation(definition, 'internal'))
  context.trace = span
  return span
}

/** @param code of the first error, if there is one: of our catalogue, or of the library's */
export const endOperation = (span: OpenSpan, code: unknown): void => {
  if (typeof code !== 'string') {
    span.end()
    return
  }
  noteCode(span, code)
  // What the library names is the client's to mend.
  const { status = 400 } = ERRORS[code as ErrorCode] ?? {}
  span.end(status >= 500 ? code : undefined)
}

/** Where a socket's operation may say which trace it is part of; what it does not say, its connection may have said. */
export interface SocketCarriers {
  readonly extensions: Readonly<Record<string, unknown>> | null | undefined
  readonly connectionParams: Readonly<Record<string, unknown>> | undefined
}

const FIELDS = ['traceparent', 'tracestate', 'x-amzn-trace-id'] as const

export const beginSocketOperation = (
  tracing: Tracing,
  definition: OperationDefinitionNode,
  { extensions, connectionParams }: SocketCarriers,
): OpenSpan | undefined => {
  if (!tracing.on) return undefined
  const own = extensions && FIELDS.some((field) => typeof extensions[field] === 'string')
  const said: Readonly<Record<string, unknown>> = (own ? extensions : connectionParams) ?? {}
  const carrier: Record<string, string> = {}
  for (const field of FIELDS) {
    const value = said[field]
    if (typeof value === 'string') carrier[field] = value
  }
  const head = tracing.decide(carrier)
  return head && tracing.begin(head, describeOperation(definition, 'server'))
}
