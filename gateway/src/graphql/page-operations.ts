import { type OperationText, operationTexts } from '@votestream/schema/operation-text'
import { parse } from 'graphql'
import { PAGE_DOCUMENTS } from '../../web/src/model/page-documents.js'

/** What the live page asks for: registered with every gateway, since the page comes from there. */
export const pageOperations = (): readonly OperationText[] =>
  Object.values(PAGE_DOCUMENTS).flatMap((text) => operationTexts(parse(text)))
