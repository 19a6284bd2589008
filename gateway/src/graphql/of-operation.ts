import { defaultFieldResolver, type GraphQLField, type GraphQLSchema, isObjectType } from 'graphql'
import { Extensions } from 'type-graphql'
import { authorize, isOperation, type Operation } from '../policy.js'
import { codeOf, NO_REQUEST_METRICS, type RequestMetrics } from '../request-metrics.js'
import type { GraphqlContext } from './context.js'

/** Names a field's operation in the policy: whoever may not do it gets no answer from the field. */
export const OfOperation = (operation: Operation) => Extensions({ operation })

/** A field as the policy's report shows it. */
export interface NamedField {
  readonly operation: Operation
  /** `Mutation.submitVote`. */
  readonly field: string
}

type Field = GraphQLField<unknown, GraphqlContext>

type Run = NonNullable<Field['resolve']>

/**
 * Makes the schema ask the policy before each field that names an operation, and count what became of those at its root.
 * @throws Error for a root field without one.
 */
export const guardSchema = (schema: GraphQLSchema, metrics: RequestMetrics = NO_REQUEST_METRICS): void => {
  for (const { field, operation, isSource, isRoot } of fieldsOf(schema)) {
    const { subscribe, resolve = defaultFieldResolver } = field
    const guarded =
      (run: Run): Run =>
      (source, args, context, info) => {
        authorize(operation, context.caller)
        return run(source, args, context, info)
      }
    if (isSource && subscribe) field.subscribe = counted(guarded(subscribe), operation, metrics)
    else field.resolve = isRoot ? counted(guarded(resolve), operation, metrics) : guarded(resolve)
  }
}

const counted =
  (run: Run, operation: Operation, metrics: RequestMetrics): Run =>
  (source, args, context, info) => {
    const { api = 'graphql' } = context
    const fail = (error: unknown): void => metrics.count(api, operation, codeOf(error))
    try {
      const result = run(source, args, context, info)
      if (result instanceof Promise) result.then(() => metrics.count(api, operation, 'OK'), fail)
      else metrics.count(api, operation, 'OK')
      return result
    } catch (error) {
      fail(error)
      throw error
    }
  }

export const namedFields = (schema: GraphQLSchema): NamedField[] =>
  fieldsOf(schema).map(({ name, operation }) => ({ field: name, operation }))

const fieldsOf = (schema: GraphQLSchema) => {
  const roots = new Set([schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()])
  return Object.values(schema.getTypeMap()).flatMap((type) => {
    if (!isObjectType(type) || type.name.startsWith('__')) return []
    return Object.values(type.getFields()).flatMap((field: Field) => {
      const name = `${type.name}.${field.name}`
      const { operation } = field.extensions
      if (operation === undefined && !roots.has(type)) return []
      if (!isOperation(operation)) throw new Error(`${name} names no operation of the policy`)
      const isSource = type === schema.getSubscriptionType()
      return [{ name, field, operation, isSource, isRoot: roots.has(type) && !isSource }]
    })
  })
}
