import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  type OperationTypeNode,
} from 'graphql'
import { type Draw, ODD_NUMBERS } from './draw.js'

export interface GraphqlRequest {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
}

/** Of a field of input or an argument, by its name: what only the running system can tell. */
export type KnownInputs = Readonly<Record<string, (field: string) => unknown>>

interface Making {
  readonly draw: Draw
  readonly known: KnownInputs
  readonly variables: Record<string, unknown>
  readonly declared: string[]
  readonly fragments: string[]
  /** Of a hundred nodes so many are wrong. */
  readonly faults: number
}

const DEPTH_MAX = 5
const FIELDS_MAX = 4

/**
 * A document that is valid, or nearly. A mutation has one field, and asks for plain values of what it made: then a
 * failure says that nothing was written.
 */
export const graphqlRequest = (
  draw: Draw,
  schema: GraphQLSchema,
  kind: OperationTypeNode,
  known: KnownInputs,
): GraphqlRequest => {
  const faults = draw.chance(50) ? 0 : 8
  const making: Making = { draw, known, variables: {}, declared: [], fragments: [], faults }
  const root = schema.getRootType(kind)
  if (!root) throw new Error(`there is no ${kind}`)
  const isRead = kind === 'query'
  const selection = isRead ? selectionOf(making, root, 0) : `{ ${oneField(making, root, kind)} }`
  const declared = making.declared.length > 0 ? `(${making.declared.join(', ')})` : ''
  const query = [`${kind} A${declared} ${selection}`, ...making.fragments].join('\n')
  return { query, variables: making.variables }
}

const oneField = (making: Making, root: GraphQLObjectType, kind: OperationTypeNode): string => {
  const field = making.draw.pick(Object.values(root.getFields()))
  const type = getNamedType(field.type)
  if (kind === 'subscription') return fieldOf(making, field, 0)
  const leaves = Object.values((type as GraphQLObjectType).getFields()).filter(
    (each) => isLeafType(getNamedType(each.type)) && each.args.length === 0,
  )
  const selection = leaves.map(({ name }) => name).join(' ')
  return `${field.name}${argumentsOf(making, field)}${directiveOf(making)} { ${selection} }`
}

const selectionOf = (making: Making, type: GraphQLObjectType, depth: number): string => {
  const { draw, faults } = making
  const fields = Object.values(type.getFields())
  const leaves = fields.filter(({ type: own }) => isLeafType(getNamedType(own)))
  const permitted = depth < DEPTH_MAX ? fields : leaves
  const parts = Array.from({ length: 1 + draw.number(FIELDS_MAX) }, () =>
    permitted.length === 0 ? '__typename' : fieldOf(making, draw.pick(permitted), depth),
  )
  if (draw.chance(faults))
    parts.push(draw.pick(['nothing', '__schema { types { name } }', '...Missing', '', '$']))
  const inner = parts.join(' ')
  if (draw.chance(10)) return `{ ... on ${type.name}${directiveOf(making)} { ${inner} } }`
  if (draw.chance(90)) return `{ ${inner} }`
  const name = `F${making.fragments.length}`
  making.fragments.push(`fragment ${name} on ${type.name} { ${inner} }`)
  return `{ ...${name}${directiveOf(making)} }`
}

const fieldOf = (making: Making, field: GraphQLField<unknown, unknown>, depth: number): string => {
  const { draw, faults } = making
  const type = getNamedType(field.type)
  const alias = draw.chance(30) ? `a${draw.number(1_000)}: ` : ''
  const head = `${alias}${field.name}${argumentsOf(making, field)}${directiveOf(making)}`
  const isWrong = draw.chance(faults)
  if (isCompositeType(type)) {
    return isWrong ? head : `${head} ${selectionOf(making, type as GraphQLObjectType, depth + 1)}`
  }
  return isWrong ? `${head} { id }` : head
}

const directiveOf = (making: Making): string => {
  const { draw } = making
  if (draw.chance(85)) return ''
  const name = draw.pick(['skip', 'include'])
  const condition = draw.chance(50)
  if (draw.chance(50)) return ` @${name}(if: ${condition})`
  return ` @${name}(if: ${declare(making, 'Boolean!', draw.chance(90) ? condition : draw.json())})`
}

const declare = (making: Making, type: string, value: unknown): string => {
  const name = `v${making.declared.length}`
  making.declared.push(`$${name}: ${type}`)
  making.variables[name] = value
  return `$${name}`
}

const argumentsOf = (making: Making, { args, name: field }: GraphQLField<unknown, unknown>): string => {
  const { draw, faults } = making
  const given = args
    .filter(({ type }) => (isNonNullType(type) ? !draw.chance(faults) : draw.chance(50)))
    .map(({ name, type }) => {
      const value = inputOf(making, type, name, field)
      return `${name}: ${draw.chance(50) ? declare(making, String(type), value) : literalOf(type, value)}`
    })
  if (draw.chance(faults)) given.push('nothing: 1')
  return given.length > 0 ? `(${given.join(', ')})` : ''
}

const inputOf = (making: Making, type: GraphQLInputType, name: string, field: string): unknown => {
  const { draw, known, faults } = making
  if (draw.chance(faults)) return draw.pick([null, draw.text(), draw.pick(ODD_NUMBERS), draw.json(), [], {}])
  if (isNonNullType(type)) return inputOf(making, type.ofType, name, field)
  if (isListType(type)) {
    return Array.from({ length: 1 + draw.number(3) }, () => inputOf(making, type.ofType, name, field))
  }
  if (isInputObjectType(type)) {
    const entries = Object.values(type.getFields())
      .filter((each) => (isNonNullType(each.type) ? !draw.chance(faults) : draw.chance(50)))
      .map((each) => [each.name, inputOf(making, each.type, each.name, type.name)] as const)
    if (draw.chance(faults)) entries.push([draw.pick(['nothing', 'constructor']), 1])
    return Object.fromEntries(entries)
  }
  if (isEnumType(type)) return draw.pick(type.getValues()).name
  const own = known[name]
  if (own) return own(field)
  return (
    { Int: 1 + draw.number(30), DateTime: '2030-01-01T00:00:00Z', Date: '1990-05-17' }[type.name] ??
    draw.text()
  )
}

const literalOf = (type: GraphQLInputType, value: unknown): string => {
  const inner = isNonNullType(type) ? type.ofType : type
  if (isEnumType(inner) && typeof value === 'string') return /^\w+$/.test(value) ? value : '""'
  if (Array.isArray(value)) {
    const own = isListType(inner) ? inner.ofType : inner
    return `[${value.map((each) => literalOf(own, each)).join(', ')}]`
  }
  if (typeof value === 'object' && value !== null) {
    const fields = isInputObjectType(inner) ? inner.getFields() : {}
    const parts = Object.entries(value).map(
      ([name, each]) => `${name}: ${literalOf(fields[name]?.type ?? inner, each)}`,
    )
    return `{${parts.join(', ')}}`
  }
  return JSON.stringify(value) ?? 'null'
}
