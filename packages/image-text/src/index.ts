export * from "./tesseract.ts";
