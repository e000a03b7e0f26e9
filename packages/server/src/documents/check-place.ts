/** What may stand in a write's way: another document's name, a condition, the key's reach. */
import { allowsWrite, type Conditions } from "../http/conditions.ts";
import {
  conflict,
  type HttpError,
  invalid,
  preconditionFailed,
  preconditionRequired,
} from "../http/http-error.ts";
import type { Transaction } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { type Access, needContainer, needPlace, sees } from "./access.ts";
import { toCurrent, validatorsOf } from "./content-hash.ts";
import type { WriteContext } from "./document-write.ts";

type Place = Pick<StoredDocument, "containerTags" | "filepath" | "customId">;

/**
 * A path and a custom id name one document in each container, and no document is another's directory.
 * @param place where the document is going to be
 * @param old the document as it is; undefined: a new one
 * @throws HttpError 400, 403, 409
 */
export async function checkPlace(
  tx: Transaction,
  place: Place,
  old: StoredDocument | undefined,
  context: WriteContext,
): Promise<void> {
  checkReach(place, old, context);
  const { filepath, customId } = place;
  for (const tag of place.containerTags) {
    const isSettled = old?.containerTags.includes(tag) === true;
    if (customId !== null && !(isSettled && customId === old?.customId)) {
      const holder = await tx.documentByCustomId(customId, [tag]);
      if (isOther(holder, old)) throw taken("custom id", context, holder);
    }
    if (filepath === null || (isSettled && filepath === old?.filepath)) continue;
    const holder = await tx.documentByPath(tag, filepath);
    if (isOther(holder, old)) throw taken("path", context, holder);
    const clash = await tx.pathClash(tag, filepath, old?.no);
    if (clash !== undefined) {
      throw invalid(`filepath: ${filepath} and ${clash.filepath} cannot both exist`);
    }
  }
}

/** The key must reach where the document goes, and every container that it leaves. */
function checkReach(place: Place, old: StoredDocument | undefined, { access }: WriteContext): void {
  const stays =
    old !== undefined &&
    place.filepath === old.filepath &&
    place.containerTags === old.containerTags;
  if (stays) return;
  needPlace(access, place);
  for (const tag of old?.containerTags ?? []) {
    if (!place.containerTags.includes(tag)) needContainer(access, tag);
  }
}

function isOther(
  holder: StoredDocument | undefined,
  old: StoredDocument | undefined,
): holder is StoredDocument {
  return holder !== undefined && holder.no !== old?.no;
}

function taken(what: string, context: WriteContext, holder: StoredDocument): HttpError {
  const current = sees(context.access, holder) ? toCurrent(holder) : undefined;
  return conflict(`another document has this ${what}`, current);
}

/**
 * @throws HttpError 412 when the state is not what the request says it must be, 428 when a strict key says none
 */
export function checkConditions(
  { access, conditions }: Pick<WriteContext, "access" | "conditions">,
  document: StoredDocument | undefined,
): void {
  if (!hasCondition(conditions)) refuseStrict(access);
  const state = document === undefined ? undefined : validatorsOf(document);
  if (allowsWrite(conditions, state)) return;
  if (document === undefined) throw preconditionFailed("there is no such document");
  throw preconditionFailed(`document is at r${document.rev}`, toCurrent(document));
}

function hasCondition({ ifMatch, ifNoneMatch, ifUnmodifiedSince }: Conditions): boolean {
  return ifMatch !== undefined || ifNoneMatch !== undefined || ifUnmodifiedSince !== undefined;
}

/**
 * For writes that cannot name a state of each document that they change.
 * @throws HttpError 428 with a strict key
 */
export function refuseStrict(access: Access): void {
  if (access.isStrict) throw preconditionRequired();
}

/** A document that the key does not reach is, for it, not there; only that its name is taken cannot be hidden. */
export function needSight(context: WriteContext, document: StoredDocument): void {
  if (!sees(context.access, document)) throw conflict("the name is taken");
}
