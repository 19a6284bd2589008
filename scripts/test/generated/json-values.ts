import { type Draw, ODD_NUMBERS } from './draw.js'

/** As much of JSON Schema as the documents say. */
export interface JsonSchema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly maxItems?: number
  readonly enum?: readonly unknown[]
  readonly examples?: readonly unknown[]
}

type Known = Readonly<Record<string, () => unknown>>

/** A value that a schema permits. @param known by the name of the field: what only the running system can tell */
export const validValue = (draw: Draw, schema: JsonSchema, known: Known, name = ''): unknown => {
  const own = known[name]
  if (own) return own()
  if (schema.enum) return draw.pick(schema.enum)
  if (schema.type === 'object') {
    const entries = Object.entries(schema.properties ?? {})
      .filter(([field]) => schema.required?.includes(field) || draw.chance(50))
      .map(([field, inner]) => [field, validValue(draw, inner, known, field)] as const)
    return Object.fromEntries(entries)
  }
  if (schema.type === 'array' && schema.items) {
    const { items } = schema
    return Array.from({ length: 1 + draw.number(4) }, () => validValue(draw, items, known))
  }
  return schema.examples?.[0]
}

const DEEP = 2_000
const MANY = 600

const oddValue = (draw: Draw, old: unknown): unknown => {
  const ways: (() => unknown)[] = [
    () => null,
    () => draw.text(400),
    () => draw.pick(ODD_NUMBERS),
    () => draw.chance(50),
    () => [],
    () => ({}),
    () => [old],
    () => ({ value: old }),
    () => (typeof old === 'string' ? `${old}${draw.text(5)}` : old),
    () => (typeof old === 'string' ? old.slice(0, -1) : old),
    () => (typeof old === 'string' ? old.repeat(200) : old),
    () => (Array.isArray(old) ? Array.from({ length: MANY }, () => old[0]) : old),
    () => JSON.parse(`${'['.repeat(DEEP)}${']'.repeat(DEEP)}`),
    () => draw.json(),
  ]
  return draw.pick(ways)()
}

/** A value with one fault more, somewhere in it. */
export const mutated = (draw: Draw, value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || draw.chance(10)) return oddValue(draw, value)
  const keys = Object.keys(value)
  const key = keys[draw.number(keys.length)]
  if (Array.isArray(value)) {
    return value.map((each, at) => (String(at) === key ? mutated(draw, each) : each))
  }
  const fields = value as Record<string, unknown>
  if (key === undefined || draw.chance(15)) {
    const name = draw.pick(['constructor', 'prototype', 'toString', 'id', draw.text(10)])
    return { ...fields, [name]: draw.json() }
  }
  if (draw.chance(20)) return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== key))
  return { ...fields, [key]: mutated(draw, fields[key]) }
}

/** The bytes of a value, which now and then are no JSON of it. */
export const bytesOf = (draw: Draw, value: unknown): Buffer => {
  const text = JSON.stringify(value) ?? ''
  if (draw.chance(75)) return Buffer.from(text)
  const ways: (() => Buffer | string)[] = [
    () => Buffer.from(text).subarray(0, draw.number(text.length)),
    () => text.replace('{', `{${/"[^"]*":/.exec(text)?.[0] ?? '"a":'}1,`),
    () => text.replace('{', '{"__proto__":{"admin":true},'),
    () => `${text}${draw.text(5)}`,
    () => `\ufeff${text}`,
    () =>
      text.replace(
        /"[^"]*"(?=[,}])/,
        draw.pick(['NaN', '1e999', '-0', '01', '"\\ud800"', '"\\u0000"', "'a'"]),
      ),
    () => Buffer.concat([Buffer.from(text.slice(0, -2)), draw.bytes(8), Buffer.from(text.slice(-2))]),
    () => Buffer.from(text, 'utf16le'),
    () => draw.bytes(200),
    () => '['.repeat(1 + draw.number(50_000)),
  ]
  return Buffer.from(draw.pick(ways)())
}
