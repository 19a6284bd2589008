import { defaultFieldResolver, type GraphQLField, type GraphQLSchema, isObjectType } from 'graphql'
import { Extensions } from 'type-graphql'
import { authorize, isOperation, type Operation } from '../policy.js'
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

/** Makes the schema ask the policy before each field that names an operation. @throws Error for a root field without one. */
export const guardSchema = (schema: GraphQLSchema): void => {
  for (const { field, operation, isSource } of fieldsOf(schema)) {
    const { subscribe, resolve = defaultFieldResolver } = field
    if (isSource && subscribe) {
      field.subscribe = (source, args, context, info) => {
        authorize(operation, context.caller)
        return subscribe(source, args, context, info)
      }
    } else {
      field.resolve = (source, args, context, info) => {
        authorize(operation, context.caller)
        return resolve(source, args, context, info)
      }
    }
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
      return [{ name, field, operation, isSource: type === schema.getSubscriptionType() }]
    })
  })
}
