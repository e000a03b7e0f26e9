/** Bounds of extraction: hostile files end here. */

/** Bytes of a file that is looked into. */
export const extractBytesMax: number = 100 << 20;
/** UTF-16 units of the text drawn from one file; what comes after them is not searched. */
export const extractedLengthMax: number = 16 << 20;
/** Milliseconds that one file may take, once it was put off, before its worker is ended. */
export const extractMs = 60_000;
/** Milliseconds after which a file is put off, so that others do not wait for it. */
export const quickExtractMs = 5000;
/** MiB of JavaScript heap that the extraction worker may use: beyond, it dies and the file fails. */
export const extractHeapMiBMax = 768;
/** Pages of a PDF that are read. */
export const pdfPagesMax = 5000;
/** Bytes that are unpacked of one archive, all its files together, and files that it may hold. */
export const zipBytesMax: number = 128 << 20;
export const zipFilesMax = 10_000;
/** MiB that the process which reads files may have, buffers included, which are not counted as heap. */
export const extractMemoryMiBMax = 1280;
