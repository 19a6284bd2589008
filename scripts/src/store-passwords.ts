import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CLICKHOUSE_SERVICES,
  type ClickhousePasswords,
  IDENTITIES,
  type IdentityPasswords,
} from '@votestream/infra/access/identities'
import { z } from 'zod'
import { randomText, replaceSecretFile } from './secrets.js'

/** With what each service, and the operator's commands, log in to the servers that were started here. */
export interface StorePasswords {
  readonly nats: IdentityPasswords
  readonly redis: IdentityPasswords
  readonly clickhouse: ClickhousePasswords
}

/** What is missing is made: by a version of this that knows more identities, or in a folder older than all this. */
const fileSchema = z.record(z.string(), z.record(z.string(), z.string().min(8)))
type PasswordFile = z.infer<typeof fileSchema>

const PASSWORD_BYTES = 24

export const storePasswordsFile = (dataDir: string): string => join(dataDir, 'store-passwords.json')

/**
 * The passwords of this data folder, made where there are none. They are on the disk before this returns. Nothing
 * depends on them but the servers that are started with them: removed, they are made anew by the next start.
 */
export const ensureStorePasswords = async (dataDir: string): Promise<StorePasswords> => {
  const kept = (await readFileOf(dataDir)) ?? {}
  const [passwords, isComplete] = completed(kept)
  if (!isComplete) await replaceSecretFile(storePasswordsFile(dataDir), { ...kept, ...passwords })
  return passwords
}

/** Those that a start has made; undefined before it. @throws Error when the file cannot be used. */
export const readStorePasswords = async (dataDir: string): Promise<StorePasswords | undefined> => {
  const kept = await readFileOf(dataDir)
  const [passwords, isComplete] = completed(kept ?? {})
  return isComplete ? passwords : undefined
}

const readFileOf = async (dataDir: string): Promise<PasswordFile | undefined> => {
  const file = storePasswordsFile(dataDir)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    return fileSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new Error(`${file} cannot be read; remove it, and the next start makes new passwords.`, { cause })
  }
}

const completed = (kept: PasswordFile): [passwords: StorePasswords, isComplete: boolean] => {
  let isComplete = true
  const of = <Name extends string>(store: string, names: readonly Name[]): Record<Name, string> => {
    const passwords = names.map((name): [Name, string] => {
      const known = kept[store]?.[name]
      if (known === undefined) isComplete = false
      return [name, known ?? randomText(PASSWORD_BYTES)]
    })
    // Every name is a key of it now.
    return Object.fromEntries(passwords) as Record<Name, string>
  }
  const passwords = {
    nats: of('nats', IDENTITIES),
    redis: of('redis', IDENTITIES),
    clickhouse: of('clickhouse', CLICKHOUSE_SERVICES),
  }
  return [passwords, isComplete]
}
