import { type FieldFault, VotestreamError } from '@votestream/schema/errors'
import { Ajv, type ErrorObject, type Options } from 'ajv'
import type { FastifySchemaCompiler } from 'fastify'
import { lengthFault, TEXT_FIELDS, type TextFieldName } from '../text-fields.js'

/** Values of a body up to this many are all looked at for faults; in a larger one only the first is named. */
const VALUES_MAX = 5_000

/** Compiles a route's schemas. */
export const createValidatorCompiler = (): FastifySchemaCompiler<object> => {
  const checkOf = createSchemaChecks()
  return ({ schema, httpPart }) => {
    const faultOf = checkOf(schema, httpPart === 'body')
    return (value) => {
      const error = faultOf(value)
      return error ? { error } : { value }
    }
  }
}

/** What is wrong with a value: INVALID_FIELDS that names each field, or nothing. */
export type SchemaCheck = (value: unknown) => VotestreamError | undefined

/**
 * Compiles schemas. A good request is checked once, and stops at its first fault; for a faulty body of reasonable size
 * all faults are collected, in a second pass, so that nobody can make us collect millions.
 */
export const createSchemaChecks = (): ((schema: object, isBody: boolean) => SchemaCheck) => {
  const first = createAjv({ allErrors: false })
  const all = createAjv({ allErrors: true })
  return (schema, isBody) => {
    const check = first.compile(schema)
    const collect = all.compile(schema)
    return (value) => {
      if (check(value)) return undefined
      const faulty = isBody && countValues(value, VALUES_MAX) < VALUES_MAX ? collect : check
      faulty(value)
      return new VotestreamError('INVALID_FIELDS', { fields: faultsOf(faulty.errors ?? []) })
    }
  }
}

const createAjv = (options: Options): Ajv => {
  const ajv = new Ajv({ coerceTypes: false, removeAdditional: false, useDefaults: false, ...options })
  for (const [name, { holds }] of Object.entries(TEXT_FIELDS)) ajv.addFormat(name, holds)
  return ajv.addKeyword('example')
}

/** How many values a body holds, counted as far as the limit. */
const countValues = (value: unknown, limit: number): number => {
  const open: unknown[] = [value]
  let count = 0
  for (; open.length > 0 && count < limit; count += 1) {
    const next = open.pop()
    if (typeof next !== 'object' || next === null) continue
    for (const child of Object.values(next)) {
      if (open.push(child) > limit) return limit
    }
  }
  return count
}

/** One fault for each field, the first that was found. */
const faultsOf = (errors: readonly ErrorObject[]): FieldFault[] => {
  const faults = new Map<string, FieldFault>()
  for (const error of errors) {
    const field = fieldOf(error)
    if (!faults.has(field)) faults.set(field, { field, message: messageOf(error) })
  }
  return [...faults.values()]
}

const LONGEST_FIELD = 200

/** `/contestants/2` and the missing `contestant_name` → `contestants[2].contestant_name`. */
const fieldOf = ({ instancePath, params }: ErrorObject): string => {
  // Names of unknown fields are the client's own: they are shown back, but not at any length.
  const named: unknown = params.missingProperty ?? params.additionalProperty
  const parts = instancePath.split('/').slice(1)
  if (typeof named === 'string') parts.push(named)
  const path = parts.map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`)).join('')
  return path.replace(/^\./, '').slice(0, LONGEST_FIELD) || 'body'
}

const messageOf = ({ keyword, params, message = 'is invalid' }: ErrorObject): string => {
  switch (keyword) {
    case 'required':
      return 'is required'
    case 'additionalProperties':
      return 'is not a field of this operation'
    case 'type':
      return `must be ${params.type === 'object' || params.type === 'array' ? 'an' : 'a'} ${params.type}`
    case 'minLength':
      return lengthFault(params.limit, 'least')
    case 'maxLength':
      return lengthFault(params.limit, 'most')
    case 'minItems':
      return params.limit === 1 ? 'must not be empty' : `must have at least ${params.limit} items`
    case 'maxItems':
      return `must have at most ${params.limit} items`
    case 'enum':
      return `must be one of: ${params.allowedValues.join(', ')}`
    case 'format':
      // Every format of the schemas is one of the text fields.
      return TEXT_FIELDS[params.format as TextFieldName].rule
    default:
      return message
  }
}
