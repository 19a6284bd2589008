import type { FieldFault } from '@votestream/schema/errors'
import {
  type GraphQLInputType,
  type GraphQLSchema,
  isInputObjectType,
  isInputType,
  isLeafType,
  isListType,
  isNonNullType,
  type OperationDefinitionNode,
  typeFromAST,
} from 'graphql'
import { FAULTS_MAX } from '../problems.js'

const LONGEST_FIELD = 200

/** What is wrong with the types of an operation's variables; the fields of an input are named as it names them. */
export const variableFaults = (
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  values: Readonly<Record<string, unknown>>,
): FieldFault[] => {
  const faults: FieldFault[] = []
  for (const { variable, type: node, defaultValue } of operation.variableDefinitions ?? []) {
    const name = variable.name.value
    const type = typeFromAST(schema, node)
    if (!isInputType(type) || (values[name] === undefined && defaultValue)) continue
    collect(type, values[name], '', (path, message) => {
      if (faults.length < FAULTS_MAX) faults.push({ field: (path || name).slice(0, LONGEST_FIELD), message })
    })
  }
  return faults
}

type Report = (path: string, message: string) => void

const collect = (type: GraphQLInputType, value: unknown, path: string, report: Report): void => {
  if (isNonNullType(type)) {
    if (value == null) report(path, 'is required')
    else collect(type.ofType, value, path, report)
  } else if (value == null) {
    // Any other type may be left out.
  } else if (isListType(type)) {
    const items: unknown[] = Array.isArray(value) ? value.slice(0, 1_000) : [value]
    for (const [index, item] of items.entries()) collect(type.ofType, item, `${path}[${index}]`, report)
  } else if (isInputObjectType(type)) {
    collectFields(type.name, type.getFields(), value, path, report)
  } else if (isLeafType(type)) {
    try {
      type.parseValue(value)
    } catch {
      report(path, `must be a ${type.name}`)
    }
  }
}

const collectFields = (
  typeName: string,
  fields: Readonly<Record<string, { type: GraphQLInputType; defaultValue?: unknown }>>,
  value: unknown,
  path: string,
  report: Report,
): void => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report(path, `must be a ${typeName}`)
    return
  }
  const within = (name: string): string => (path === '' ? name : `${path}.${name}`)
  // Whatever a client sends is looked up in it by the schema's own names.
  const given = value as Readonly<Record<string, unknown>>
  for (const [name, { type, defaultValue }] of Object.entries(fields)) {
    if (given[name] !== undefined || defaultValue === undefined)
      collect(type, given[name], within(name), report)
  }
  for (const name of Object.keys(given).slice(0, 1_000)) {
    if (!Object.hasOwn(fields, name)) report(within(name), `is not a field of ${typeName}`)
  }
}
