import { readFile, stat } from 'node:fs/promises'
import type { Logger } from '@votestream/infra/logging'
import { z } from 'zod'
import type { SecurityEvents } from './security-events.js'
import { keyId, type TokenSecrets } from './tokens.js'

interface SigningKeysOptions {
  /** JSON with `jwtSecret`, which signs, and perhaps `otherJwtSecret`, which only verifies. */
  readonly file: string
  readonly logger: Logger
  readonly security: SecurityEvents
  readonly onChange: (secrets: TokenSecrets) => void
  readonly lookEveryMs?: number
  readonly signAfterMs?: number
}

const LOOK_EVERY_MS = 1_000
/** Every gateway verifies with a new secret before the first one signs with it. */
const SIGN_AFTER_MS = 5_000

const fileSchema = z.object({ jwtSecret: z.string().min(1), otherJwtSecret: z.string().min(1).nullish() })

/** @throws Error for a file that is missing or cannot be read. */
export const readSigningKeys = async (file: string): Promise<TokenSecrets> => {
  const { jwtSecret, otherJwtSecret } = fileSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  return { secret: jwtSecret, otherSecret: otherJwtSecret ?? undefined }
}

/**
 * Follows the file while the process runs: keys are exchanged without a restart. A new secret verifies at once, and signs
 * a while later. A file that cannot be read changes nothing. @returns how to stop
 */
export const followSigningKeys = (from: TokenSecrets, options: SigningKeysOptions): (() => void) => {
  const {
    file,
    logger,
    security,
    onChange,
    lookEveryMs = LOOK_EVERY_MS,
    signAfterMs = SIGN_AFTER_MS,
  } = options
  let known = from
  let readAtMs = 0
  let signing: NodeJS.Timeout | undefined

  const note = (found: TokenSecrets): void => {
    if (found.secret !== known.secret) security.note('key-rotated', () => ({ key: keyId(found.secret) }))
    for (const secret of [known.secret, known.otherSecret]) {
      if (secret === undefined || secret === found.secret || secret === found.otherSecret) continue
      security.note('key-retired', () => ({ key: keyId(secret) }))
    }
  }
  const take = (found: TokenSecrets): void => {
    if (found.secret === known.secret && found.otherSecret === known.otherSecret) return
    clearTimeout(signing)
    note(found)
    // What signed until now goes on, as long as the file still has it.
    if (found.otherSecret === known.secret) {
      onChange({ secret: known.secret, otherSecret: found.secret })
      signing = setTimeout(() => onChange(found), signAfterMs)
    } else onChange(found)
    known = found
  }
  const look = async (): Promise<void> => {
    const { mtimeMs } = await stat(file)
    if (mtimeMs === readAtMs) return
    take(await readSigningKeys(file))
    readAtMs = mtimeMs
  }
  let failed = false
  const looking = setInterval(() => {
    look().then(
      () => (failed = false),
      (error: unknown) => {
        // Said once, not every second.
        if (!failed) logger.error({ err: error }, 'the file of keys cannot be read')
        failed = true
      },
    )
  }, lookEveryMs).unref()
  return () => {
    clearInterval(looking)
    clearTimeout(signing)
  }
}
