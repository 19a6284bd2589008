import { type FieldFault, VotestreamError } from '@votestream/schema/errors'
import type { Caller } from './caller.js'

/**
 * Parses a request's identifiers, all of them before any is complained about.
 * @param parsed by the field's name as the client knows it; undefined for what is malformed.
 * @throws VotestreamError INVALID_ID that names each malformed one.
 */
export const requireIds = <Parsed extends Record<string, unknown>>(
  parsed: Parsed,
): { [Field in keyof Parsed]: Exclude<Parsed[Field], undefined> } => {
  for (const field in parsed) if (parsed[field] === undefined) throw malformed(parsed)
  // None is undefined: that is what the loop looked for.
  return parsed as { [Field in keyof Parsed]: Exclude<Parsed[Field], undefined> }
}

const malformed = (parsed: Readonly<Record<string, unknown>>): VotestreamError => {
  const fields: FieldFault[] = Object.entries(parsed)
    .filter(([, value]) => value === undefined)
    .map(([field]) => ({ field, message: 'is not an identifier of this kind' }))
  return new VotestreamError('INVALID_ID', { fields })
}

/** A token acts only for its own user. @throws VotestreamError WRONG_USER */
export const requireOwn = (caller: Caller, userId: string): void => {
  if (caller.userId !== userId) throw new VotestreamError('WRONG_USER')
}
