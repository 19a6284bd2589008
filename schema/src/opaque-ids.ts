import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { CONTESTANTS_MAX, type ContestantIndex, type EventNumber, type VoterNumber } from './numbers.js'

/**
 * Public identifiers: one AES-256 block over (type 8 bits, event 32, number 48, zero 40), in URL-safe text of
 * 22 characters. They reveal no number and no order, and nobody can make one without the secret: the 40 zero
 * bits let a guess through once in 2^40.
 */
export interface OpaqueIds {
  userId(voter: VoterNumber): string
  eventId(event: EventNumber): string
  contestantId(event: EventNumber, index: ContestantIndex): string
  voteId(event: EventNumber, voter: VoterNumber): string
  /** Each parser answers undefined for what is malformed or of another type. */
  parseUserId(text: string): VoterNumber | undefined
  parseEventId(text: string): EventNumber | undefined
  parseContestantId(text: string): { event: EventNumber; index: ContestantIndex } | undefined
  parseVoteId(text: string): { event: EventNumber; voter: VoterNumber } | undefined
}

const USER = 1
const EVENT = 2
const CONTESTANT = 3
const VOTE = 4

const TEXT = /^[A-Za-z0-9_-]{22}$/
export const OPAQUE_ID_LENGTH = 22

/** @param secret ID_SECRET: never rotated, the same on every node, backed up with the log. */
export const createOpaqueIds = (secret: string): OpaqueIds => {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'votestream opaque id', 32))
  // ECB over single blocks has no state, so one cipher serves every call.
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false)
  const decipher = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false)

  const seal = (type: number, event: number, number: number): string => {
    const block = Buffer.alloc(16)
    block.writeUInt8(type, 0)
    block.writeUInt32BE(event, 1)
    block.writeUIntBE(number, 5, 6)
    return cipher.update(block).toString('base64url')
  }

  const open = (type: number, text: string): { event: number; number: number } | undefined => {
    if (!TEXT.test(text)) return undefined
    const sealed = Buffer.from(text, 'base64url')
    // 22 characters hold four bits more than a block: only one text stands for an identifier.
    if (sealed.toString('base64url') !== text) return undefined
    const block = decipher.update(sealed)
    if (block.readUInt8(0) !== type || block.readUIntBE(11, 5) !== 0) return undefined
    return { event: block.readUInt32BE(1), number: block.readUIntBE(5, 6) }
  }

  return {
    userId: (voter) => seal(USER, 0, voter),
    eventId: (event) => seal(EVENT, event, 0),
    contestantId: (event, index) => seal(CONTESTANT, event, index),
    voteId: (event, voter) => seal(VOTE, event, voter),
    parseUserId(text) {
      const opened = open(USER, text)
      return opened && opened.event === 0 && opened.number > 0 ? (opened.number as VoterNumber) : undefined
    },
    parseEventId(text) {
      const opened = open(EVENT, text)
      return opened && opened.event > 0 && opened.number === 0 ? (opened.event as EventNumber) : undefined
    },
    parseContestantId(text) {
      const opened = open(CONTESTANT, text)
      if (!opened || opened.event === 0 || opened.number >= CONTESTANTS_MAX) return undefined
      return { event: opened.event as EventNumber, index: opened.number as ContestantIndex }
    },
    parseVoteId(text) {
      const opened = open(VOTE, text)
      if (!opened || opened.event === 0 || opened.number === 0) return undefined
      return { event: opened.event as EventNumber, voter: opened.number as VoterNumber }
    },
  }
}
