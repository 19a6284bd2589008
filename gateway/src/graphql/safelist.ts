import { VotestreamError } from '@votestream/schema/errors'
import { eachOperationText, operationTexts } from '@votestream/schema/operation-text'
import { isTextHash } from '@votestream/schema/registered-operation'
import { type DocumentNode, parse } from 'graphql'
import { LRUCache } from 'lru-cache'
import { DOCUMENT_LIMITS } from './document-limits.js'
import { shapeFault } from './document-shape.js'
import type { RegisteredOperations } from './registered-operations.js'

/** `only`: operations that are not registered do not run. */
export const SAFELIST_MODES = ['off', 'only'] as const
export type SafelistMode = (typeof SAFELIST_MODES)[number]

/** What somebody asks for, in the form in which it came: by a text, or by a hash in place of one. */
export interface Asked {
  readonly query?: unknown
  /** With `persistedQuery` as Apollo's clients send it. */
  readonly extensions?: unknown
}

/** Decides which operations run: those that are registered, whatever they come in by. */
export interface Safelist {
  /**
   * @returns the document to execute: the text that was sent, where each operation in it is registered, or the one that
   * the hash stands for. Undefined for everything else.
   */
  textOf(asked: Asked): string | undefined
  /**
   * Calls once a document that ran may run no more; at once, where that is so already.
   * @returns how to stop waiting for that
   */
  onRemoval(document: DocumentNode, listener: () => void): () => void
}

/** Texts that are remembered with the operations in them, and their characters together. */
const TEXTS_MAX = 2_000
const CHARACTERS_MAX = 4 * 1024 * 1024

export const createSafelist = (
  registered: RegisteredOperations,
  tokensMax = DOCUMENT_LIMITS.tokensMax,
): Safelist => {
  // Only of texts that were registered when they came, so nobody pushes them out with what is not.
  const known = new LRUCache<string, readonly string[]>({
    max: TEXTS_MAX,
    maxSize: CHARACTERS_MAX,
    sizeCalculation: (_ids, text) => text.length,
  })
  const isRegistered = (ids: readonly string[]): boolean => {
    for (const id of ids) if (!registered.has(id)) return false
    return ids.length > 0
  }
  const holds = (text: string): boolean => {
    const found = known.get(text)
    if (found) return isRegistered(found)
    const ids: string[] = []
    for (const id of operationIds(text, tokensMax)) {
      // What is refused is to cost little: nobody was asked yet who sends it.
      if (!registered.has(id)) return false
      ids.push(id)
    }
    if (ids.length > 0) known.set(text, ids)
    return ids.length > 0
  }

  /** Of documents that are followed: each is looked at once, however many follow it. */
  const followed = new WeakMap<DocumentNode, readonly string[]>()
  const idsOf = (document: DocumentNode): readonly string[] => {
    const ids = followed.get(document) ?? operationTexts(document).map(({ id }) => id)
    followed.set(document, ids)
    return ids
  }

  return {
    textOf({ query, extensions }) {
      if (typeof query === 'string' && query !== '') return holds(query) ? query : undefined
      // On a socket a text may be empty, and not missing.
      const hasText = query !== undefined && query !== null && query !== ''
      const hash = hasText ? undefined : hashOf(extensions)
      return hash === undefined ? undefined : registered.textOf(hash)
    },
    onRemoval(document, listener) {
      const ids = idsOf(document)
      if (!isRegistered(ids)) listener()
      const stops = ids.map((id) => registered.onRemoval(id, listener))
      return () => {
        for (const stop of stops) stop()
      }
    },
  }
}

/** @throws VotestreamError OPERATION_NOT_REGISTERED */
export const registeredText = (safelist: Safelist, asked: Asked): string => {
  const text = safelist.textOf(asked)
  if (text === undefined) throw new VotestreamError('OPERATION_NOT_REGISTERED')
  return text
}

/** None of what is no document, or a deeper one than can be read. */
function* operationIds(text: string, tokensMax: number): Generator<string> {
  if (shapeFault(text, tokensMax) !== undefined) return
  const document = parsed(text, tokensMax)
  if (document) for (const { id } of eachOperationText(document)) yield id
}

const parsed = (text: string, tokensMax: number): DocumentNode | undefined => {
  try {
    return parse(text, { maxTokens: tokensMax })
  } catch {
    return undefined
  }
}

const hashOf = (extensions: unknown): string | undefined => {
  // It is what a client sent: looked at field by field.
  const { persistedQuery } = (extensions ?? {}) as { persistedQuery?: unknown }
  const { version, sha256Hash } = (persistedQuery ?? {}) as { version?: unknown; sha256Hash?: unknown }
  return version === 1 && isTextHash(sha256Hash) ? sha256Hash : undefined
}
